"""A local folder of images."""

import os
from collections.abc import Iterator
from pathlib import Path

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.images import SUFFIXES
from scrapers.item import Item
from scrapers.sources.base import Source, safe_id


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder except hidden ones, in a stable order."""
    for root, directories, names in os.walk(folder):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


class Folder(Source):
    """Copies every image; the recipe states license and author."""

    terms = "Local folder: license as stated in the recipe"

    def search(self, query: str) -> Iterator[Item]:
        folder = self.config.path
        if not folder.is_dir():
            raise SourceError(f"found no folder {str(folder)!r}")
        for path in walk(folder):
            if path.suffix.lower() in SUFFIXES:
                name = path.relative_to(folder).as_posix()
                yield Item(
                    id=safe_id("file", name),
                    source=self.name,
                    url="",
                    license=licenses.named(self.config.license),
                    page=name,
                    title=path.stem,
                    author=self.config.author,
                    terms=self.terms,
                    path=path,
                )
