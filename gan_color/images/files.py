"""Find image files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gan_color.errors import GanColorError
from gan_color.images.tar import members

File = TypeVar("File")
_COMMON = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
SUFFIXES = frozenset((*_COMMON, ".avif", ".heic", ".heif"))


def find_images(folder: Path, shards: bool = False) -> list[Path]:
    """Every image file below a folder, sorted; hidden files and folders are skipped.

    So is what `python -m scrapers clean` moved to `quarantine`, beside its manifest. `shards` looks
    into tars too (gan_color.images.tar).

    Raises GanColorError where the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise GanColorError(f"data: found no folder {str(folder)!r}, expected a folder of images")
    found = []
    for root, directories, files in os.walk(folder):
        directories[:] = sorted(d for d in directories if not d.startswith("."))
        if "manifest.jsonl" in files and "quarantine" in directories:
            directories.remove("quarantine")
        paths = [Path(root, name) for name in files if not name.startswith(".")]
        if shards:
            tars = [path for path in paths if path.suffix == ".tar"]
            paths += [member for tar in tars for member in members(tar)]
        found += [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not found:
        raise GanColorError(
            f"data: found no images in {str(folder)!r}, expected "
            f"{', '.join(sorted(SUFFIXES))} files"
        )
    return sorted(found)


def spread(files: Sequence[File], count: int) -> list[File]:
    """At most `count` of sorted files, evenly spread, so that every folder and class is seen."""
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]
