"""A downscaled copy of a dataset."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image

from scrapers import manifest
from scrapers.errors import BadImageError, ScraperError
from scrapers.export.split import kept, read_rows
from scrapers.files import atomic, folder_lock, sha256
from scrapers.images import decode, identify, save
from scrapers.manifest import Row


def resize(
    folder: Path, output: Path, short_side: int, on_progress: Callable[[int], None] | None = None
) -> int:
    """Copy a dataset with short sides of at most `short_side`; returns how many were written.

    Existing files are skipped, so that a killed run resumes. JPEGs get quality 95.

    Args:
        folder: the dataset.
        output: where to; not the dataset itself.
        short_side: pixels; smaller images are copied unchanged.
        on_progress: called with 1 after every image.
    """
    if output.resolve() == folder.resolve():
        raise ScraperError("-o: expected a folder other than the dataset's")
    with folder_lock(output):
        rows = kept(read_rows(folder))

        def copy(row: Row) -> tuple[Row, bool]:
            source, target = folder / row.file, output / row.file
            new = not target.exists()
            if new:
                _shrink(source, target, short_side)
            data = target.read_bytes()
            with identify(target) as image:
                width, height = image.size
            if on_progress:
                on_progress(1)
            row = replace(row, width=width, height=height, bytes=len(data), sha256=sha256(data))
            return row, new

        with ThreadPoolExecutor() as pool:
            copies = list(pool.map(copy, rows))
        manifest.write(output, [row for row, _ in copies])
        return sum(new for _, new in copies)


def _shrink(source: Path, target: Path, short_side: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        image = identify(source)
        scale = short_side / min(image.size)
        with atomic(target) as partial:
            if scale >= 1:
                shutil.copyfile(source, partial)
                return
            kind = str(image.format)
            size = round(image.width * scale), round(image.height * scale)
            image = decode(image, at_least=2 * short_side)
            if image.mode == "P":
                image = image.convert("RGB")
            save(image.resize(size, Image.Resampling.LANCZOS), partial, kind)
    except (BadImageError, OSError) as error:
        raise ScraperError(f"{source}: {error}; run `clean` first") from None
