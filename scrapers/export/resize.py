"""A copy of a dataset whose pictures are no larger than they need be."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image

from scrapers import manifest
from scrapers.errors import ScraperError
from scrapers.export.split import _rows, _shrink, kept
from scrapers.files import only_one
from scrapers.manifest import Row


def resize(
    folder: Path, output: Path, short_side: int, watch: Callable[[int], None] | None = None
) -> int:
    """A second dataset with shorter sides of at most `short_side`; smaller ones are copied whole.

    Pictures that are there already are left alone, so that a killed run goes on. How many were
    written. JPEGs have quality 95.
    """
    if output.resolve() == folder.resolve():
        raise ScraperError("-o: expected another folder than the dataset's own")
    with only_one(output):
        rows = kept(_rows(folder))

        def one(row: Row) -> tuple[Row, bool]:
            source, target = folder / row.file, output / row.file
            fresh = not target.exists()
            if fresh:
                _shrink(source, target, short_side)
            data = target.read_bytes()
            with Image.open(target) as image:
                width, height = image.size
            digest = hashlib.sha256(data).hexdigest()
            if watch:
                watch(1)
            return replace(row, width=width, height=height, bytes=len(data), sha256=digest), fresh

        with ThreadPoolExecutor() as pool:
            done = list(pool.map(one, rows))
        manifest.write(output, [row for row, _ in done])
        return sum(fresh for _, fresh in done)
