"""What a result depends on beside its inputs: versions of packages, and the commit."""

import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-image", "torchmetrics")


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Of this package, and of those that its numbers come from."""
    return {"gan-color": version("gan-color"), **{name: version(name) for name in packages}}


def commit() -> str | None:
    """The commit of the source tree this package runs from, None for an installed one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=root, check=False
    )
    return found.stdout.strip() or None
