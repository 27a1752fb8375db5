"""onnxruntime-web for tests: a stand-in of npm's package, and the real one where there is one."""

import json
import tarfile
import warnings
from pathlib import Path

import pytest

from gan_color.web import runtime


def write_folder(folder: Path, version: str = runtime.VERSION) -> Path:
    """A folder as npm unpacks it, of files that hold their names."""
    (folder / "dist").mkdir(parents=True)
    described = {"name": runtime.NAME, "version": version}
    (folder / "package.json").write_text(json.dumps(described))
    for name in runtime.FILES:
        (folder / "dist" / name).write_text(name)
    return folder


def write_archive(folder: Path) -> Path:
    """The same as a .tgz beside it."""
    write_folder(folder)
    path = folder.parent / runtime.ARCHIVE
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "package")
    return path


def real_package() -> Path:
    """npm's own .tgz; skips, in words that a summary of warnings shows too, where there is none."""
    if not runtime.cached().is_file():
        reason = (
            f"NOTHING RUNS THE STATIC SITE HERE: found no {runtime.cached()}; run "
            "`gan-color export gan-color-small --web FOLDER` once, with npm and a network"
        )
        warnings.warn(reason, stacklevel=2)
        pytest.skip(reason)
    return runtime.find()
