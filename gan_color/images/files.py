"""Find image files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.images.damage import BadImageError, damage_as_bad_image
from gan_color.images.formats import SUFFIXES, UNREAD
from gan_color.images.open import identify, readable
from gan_color.images.tar import members

File = TypeVar("File")


def is_image_file(path: Path) -> bool:
    """Whether a file's name says that it is an image; without a suffix, its content has to."""
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    return format_of(path) is not None


def format_of(path: Path) -> str | None:
    """Pillow's name of a file's format, by its content; None for what is none of FORMATS."""
    try:
        with damage_as_bad_image():
            found = identify(readable(path))
            return "TIFF" if found is None else found.format
    except BadImageError:
        return None


def find_images(folder: Path, shards: bool = False) -> list[Path]:
    """Every image file below a folder (`is_image_file`), sorted; hidden ones are skipped.

    So is what `python -m scrapers clean` moved to `quarantine`, beside its manifest; pictures of
    formats that are not read are skipped with a message. `shards` looks into tars too
    (gan_color.images.tar).

    Raises GanColorError where the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise GanColorError(f"data: found no folder {str(folder)!r}, expected a folder of images")
    found, unread = [], []
    for root, directories, files in os.walk(folder):
        directories[:] = sorted(d for d in directories if not d.startswith("."))
        if "manifest.jsonl" in files and "quarantine" in directories:
            directories.remove("quarantine")
        paths = [Path(root, name) for name in files if not name.startswith(".")]
        if shards:
            tars = [path for path in paths if path.suffix == ".tar"]
            paths += [member for tar in tars for member in members(tar)]
        found += [path for path in paths if is_image_file(path)]
        unread += [path.suffix.lower() for path in paths if path.suffix.lower() in UNREAD]
    skipped = f"{len(unread):,} of formats that are not read ({', '.join(sorted(set(unread)))})"
    if not found:
        raise GanColorError(
            f"data: found no images in {str(folder)!r}{f', but {skipped}' if unread else ''}, "
            f"expected {', '.join(sorted(SUFFIXES))} files"
        )
    if unread:
        console.print(f"{folder}: skipped {skipped}: convert them first", markup=False)
    return sorted(found)


def spread(files: Sequence[File], count: int) -> list[File]:
    """At most `count` of sorted files, evenly spread, so that every folder and class is seen."""
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]
