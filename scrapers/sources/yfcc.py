"""YFCC100M's metadata (https://multimediacommons.wordpress.com): TSV of 23, 24 or 25 columns."""

import bz2
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote_plus

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.item import Item, plain
from scrapers.sources.base import Source, safe_id
from scrapers.sources.flickr import live_url

# Column indices: 25 columns have line number and hash around the id, 24 a display name.
_COLUMNS_23 = {
    "id": 0, "owner": 1, "name": 2, "taken": 3, "title": 6, "text": 7, "tags": 8, "machine": 9,
    "page": 13, "url": 14, "license": 16, "marker": 22,
}  # fmt: skip
_COLUMNS = {
    23: _COLUMNS_23,
    24: {key: at + (at > 2) for key, at in _COLUMNS_23.items()},
    25: {key: 1 if key == "id" else at + 2 for key, at in _COLUMNS_23.items()},
}


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return bz2.open(path, "rb") if path.suffix == ".bz2" else path.open("rb")


class Yfcc(Source):
    """Filters by keywords in title, tags and description; streams in constant memory."""

    terms = (
        "YFCC100M: metadata under Yahoo's research agreement; each photo's own CC 2.0 license; "
        "fetched from Flickr one by one (read 2026-11)"
    )

    def queries(self) -> list[str]:
        return [str(path) for path in self.config.files]

    def search(self, query: str) -> Iterator[Item]:
        keywords = [keyword.lower() for keyword in self.config.keywords]
        wrong = rows = 0
        try:
            with _open(Path(query)) as file:
                for line in file:
                    rows += 1
                    # Not csv: quotes are literal.
                    fields = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
                    columns = _COLUMNS.get(len(fields))
                    if columns is None or fields[columns["marker"]] not in ("0", "1"):
                        wrong += 1
                        if wrong > 100 and wrong > rows // 2:
                            raise SourceError(
                                f"{query}: {len(fields)} columns, expected YFCC100M's 23, 24 or 25"
                            )
                        continue
                    if fields[columns["marker"]] == "1":  # a video
                        continue
                    row = {name: fields[at] for name, at in columns.items()}
                    if item := self._item(row, keywords):
                        yield item
        except (OSError, EOFError) as error:
            raise SourceError(f"{query}: {error}") from None
        if rows and wrong == rows:
            raise SourceError(f"{query}: no row has YFCC100M's 23, 24 or 25 columns")

    def _item(self, row: dict[str, str], keywords: list[str]) -> Item | None:
        # Split tags before decoding: an encoded comma is part of its tag.
        tags = [unquote_plus(tag) for tag in f"{row['tags']},{row['machine']}".split(",")]
        title = plain(unquote_plus(row["title"]))
        text = " ".join([title, unquote_plus(row["text"]), *tags]).lower()
        if keywords and not any(keyword in text for keyword in keywords):
            return None
        author = plain(unquote_plus(row["name"]))
        return Item(
            id=safe_id("flickr", row["id"]),
            source=self.name,
            url=live_url(row["url"]),
            license=licenses.from_url(row["license"]),
            page=row["page"].replace("http://", "https://", 1),
            title=title,
            author=author,
            author_url=f"https://www.flickr.com/people/{row['owner']}",
            taken_at=unquote_plus(row["taken"]),
            terms=self.terms,
        )
