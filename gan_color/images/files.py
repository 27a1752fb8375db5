"""Find image files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gan_color.errors import GanColorError
from gan_color.images.open import BadImageError, open_image
from gan_color.images.tar import members

File = TypeVar("File")
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_COMMON = (*_JPEG, ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
SUFFIXES = frozenset((*_COMMON, ".avif", ".heic", ".heif"))
# Pillow's names of what these suffixes stand for; MPO is a JPEG followed by more views.
_FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")


def is_image_file(path: Path) -> bool:
    """Whether a file's name says that it is an image; without a suffix, its content has to."""
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    return format_of(path) is not None


def format_of(path: Path) -> str | None:
    """Pillow's name of a file's format, by its content; None for what is no image of SUFFIXES."""
    try:
        found = open_image(path, decode=False).format
    except BadImageError:
        return None
    return found if found in _FORMATS else None


def find_images(folder: Path, shards: bool = False) -> list[Path]:
    """Every image file below a folder (`is_image_file`), sorted; hidden ones are skipped.

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
        found += [path for path in paths if is_image_file(path)]
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
