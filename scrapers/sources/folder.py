"""A folder of pictures on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.images import SUFFIXES
from scrapers.item import Item
from scrapers.sources.base import Source, safe_id


def pictures(folder: Path) -> Iterator[Path]:
    """Every file below a folder but hidden ones, in a stable order."""
    for root, directories, names in os.walk(folder):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


class Folder(Source):
    """Copies every picture; the recipe says their licence and author."""

    terms = "Local folder: licence as the recipe says"

    def search(self, query: str) -> Iterator[Item]:
        folder = self.config.path
        if not folder.is_dir():
            raise SourceError(f"found no folder {str(folder)!r}")
        for path in pictures(folder):
            if path.suffix.lower() in SUFFIXES:
                name = path.relative_to(folder).as_posix()
                yield Item(
                    id=safe_id("file", name),
                    source=self.name,
                    url="",
                    licence=licenses.named(self.config.licence),
                    page=name,
                    title=path.stem,
                    author=self.config.author,
                    terms=self.terms,
                    path=path,
                )
