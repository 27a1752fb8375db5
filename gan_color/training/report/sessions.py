"""sessions.json: on what, with what and for how long a run was trained, each time it was."""

import json
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gan_color.atomic import write_text
from gan_color.evaluation.environment import commit, versions

FILE = "sessions.json"
PACKAGES = ("torch", "torchvision", "timm", "fastai", "albumentations", "numpy")


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """Every session of a run, oldest first; none for a run of an earlier version."""
    path = folder / FILE
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


class Session:
    """The one that is going on. `update` writes how far it is; a killed one ends at its last."""

    def __init__(self, folder: Path, device: torch.device, precision: str, images: int) -> None:
        self.folder, self.start = folder, time.perf_counter()
        self.before = read_sessions(folder)
        self.content: dict[str, Any] = {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "from_images": images,
            "device": _device_name(device),
            "precision": precision,
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
            "versions": versions(PACKAGES),
            "commit": commit(),
        }
        self.update(images)

    def update(self, images: int) -> None:
        """Write the wall clock so far, in seconds, and the images that the run has trained on."""
        seconds = round(time.perf_counter() - self.start, 1)
        self.content |= {"seconds": seconds, "to_images": images}
        write_text(self.folder / FILE, json.dumps([*self.before, self.content], indent=1))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
