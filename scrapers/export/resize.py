"""A downscaled copy of a dataset."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image

from scrapers import manifest
from scrapers.clean.normalize import to_srgb
from scrapers.errors import BadImageError, ScraperError
from scrapers.export.output import locked, require_own
from scrapers.files import Journal, atomic, read_jsonl, sha256
from scrapers.images import ORIENTATION, decode, identify, save, upright
from scrapers.manifest import Row
from scrapers.metadata import stripped

MADE = ".resize/made.jsonl"  # what each file of the output was made from


def resize(
    folder: Path,
    output: Path,
    short_side: int,
    on_progress: Callable[[int], None] | None = None,
    keep_metadata: bool = False,
) -> int:
    """Copy a dataset with short sides of at most `short_side`; returns how many were written.

    The output is what a new run would make: files of the same source and size are not made again
    (so that a killed run resumes), those that no longer belong to the dataset go.

    Args:
        folder: the dataset.
        output: where to; an empty folder, or one that an earlier `resize` made.
        short_side: pixels; smaller images are copied with their pixels unchanged.
        on_progress: called with 1 after every image.
        keep_metadata: keep EXIF, with places and owners.
    """
    with locked(folder, output) as rows:
        path = output / MADE
        made = {row["file"]: row["from"] for row in read_jsonl(path)}
        require_own(output, made, "resize")
        for name in made.keys() - {row.file for row in rows}:
            (output / name).unlink(missing_ok=True)
        lock = threading.Lock()

        def copy(row: Row) -> tuple[Row, bool]:
            source, target = folder / row.file, output / row.file
            key = _key(source, row, short_side, keep_metadata)
            new = made.get(row.file) != key or not target.is_file()
            if new:
                _shrink(source, target, short_side, keep_metadata)
                with lock:
                    journal.append({"file": row.file, "from": key})
            data = target.read_bytes()
            with identify(target) as image:
                width, height = image.size
            if on_progress:
                on_progress(1)
            row = replace(row, width=width, height=height, bytes=len(data), sha256=sha256(data))
            return row, new

        with Journal(path) as journal, ThreadPoolExecutor() as pool:
            copies = list(pool.map(copy, rows))
        manifest.write(output, [row for row, _ in copies])
        return sum(new for _, new in copies)


def _key(source: Path, row: Row, short_side: int, keep_metadata: bool) -> str:
    try:
        status = source.stat()
    except OSError as error:
        raise ScraperError(f"{source}: {error.strerror}; run `clean` first") from None
    state = f"{row.sha256}|{status.st_size}|{status.st_mtime_ns}"
    return f"{state}|{short_side}|{'with' if keep_metadata else 'without'} metadata"


def _shrink(source: Path, target: Path, short_side: int, keep_metadata: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        image = identify(source)
        scale = short_side / min(image.size)
        with atomic(target) as partial:
            if scale >= 1:
                partial.write_bytes(source.read_bytes() if keep_metadata else stripped(source))
                return
            kind, profile = str(image.format), image.info.get("icc_profile")
            size = round(image.width * scale), round(image.height * scale)
            if image.getexif().get(ORIENTATION, 1) >= 5:
                size = size[1], size[0]
            exif = image.getexif()
            exif.pop(ORIENTATION, None)
            image = upright(decode(image, at_least=2 * short_side))
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            if profile:
                image = to_srgb(image, profile)
            small = image.resize(size, Image.Resampling.LANCZOS)
            small.info = {}
            save(small, partial, kind, exif=exif if keep_metadata and exif else None)
    except (BadImageError, OSError) as error:
        raise ScraperError(f"{source}: {error}; run `clean` first") from None
