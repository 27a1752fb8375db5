"""A local folder of images."""

from collections.abc import Iterator

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.files import walk
from scrapers.images import is_image_file
from scrapers.item import Item
from scrapers.manifest import label_of
from scrapers.sources.base import Source, safe_id


class Folder(Source):
    """Copies every image; the recipe states license and author, folders are classes."""

    terms = "Local folder: license as stated in the recipe"

    def search(self, query: str) -> Iterator[Item]:
        folder = self.config.path
        if not folder.is_dir():
            raise SourceError(f"found no folder {str(folder)!r}")
        for path in walk(folder):
            if is_image_file(path):
                name = path.relative_to(folder).as_posix()
                yield Item(
                    id=safe_id("file", name),
                    source=self.name,
                    url="",
                    license=licenses.named(self.config.license),
                    page=name,
                    title=path.stem,
                    label=label_of(name),
                    author=self.config.author,
                    terms=self.terms,
                    path=path,
                )
