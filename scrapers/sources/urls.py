"""URL lists and published tables: txt, csv, tsv, jsonl, parquet; columns as in the manifest.

`columns` names those of a table that calls them otherwise; a table may hold the pictures too.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrapers import licenses
from scrapers.errors import ScraperError, SourceError
from scrapers.files import read_jsonl
from scrapers.item import Item, plain
from scrapers.manifest import translate
from scrapers.sources.base import Source, number, safe_id

csv.field_size_limit(1 << 24)


def read_rows(
    path: Path, columns: tuple[str, ...] = (), batch: int = 4096
) -> Iterator[dict[str, Any]]:
    """Stream the rows of a list, of parquet only these columns; raises SourceError."""
    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:
                there = set(file.schema_arrow.names)
                wanted = [name for name in columns if name in there] or None
                for part in file.iter_batches(batch_size=batch, columns=wanted):
                    yield from part.to_pylist()
        elif path.suffix in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as text:
                yield from csv.DictReader(text, delimiter="\t" if path.suffix == ".tsv" else ",")
        elif path.suffix == ".jsonl":
            yield from read_jsonl(path)
        else:
            with path.open(encoding="utf-8-sig") as text:
                lines = (line.strip() for line in text)
                yield from ({"url": line} for line in lines if line and not line.startswith("#"))
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException, ScraperError) as error:
        raise SourceError(f"{path}: {error}") from None


def expand(files: Iterable[Path]) -> list[str]:
    """Paths, and what patterns among them find, in order."""
    found: list[str] = []
    for path in files:
        root = Path(path.anchor)
        there = sorted(map(str, root.glob(str(path.relative_to(root)))))
        found += there or [str(path)]
    return found


class Urls(Source):
    """A row's `license` (URL or by-4.0) overrides the recipe's."""

    terms = "URL list: robots.txt and opt-outs obeyed; license as stated in the list or the recipe"

    def queries(self) -> list[str]:
        return expand(self.config.files)

    def search(self, query: str) -> Iterator[Item]:
        theirs = self.config.columns
        keywords = [re.escape(word) for word in self.config.keywords]
        wanted = re.compile(rf"\b(?:{'|'.join(keywords)})s?\b", re.IGNORECASE) if keywords else None
        with_images = "image" in theirs
        names = tuple(dict.fromkeys(theirs.values()))
        rows = read_rows(Path(query), names, batch=64 if with_images else 4096)
        for index, row in enumerate(map(translate, rows)):
            if index == 0 and (missing := [name for name in names if name not in row]):
                raise SourceError(f"{query}: no column {missing[0]!r}, found {', '.join(row)}")
            row = {**row, **{ours: row.get(name) for ours, name in theirs.items()}}
            if "url" not in row and not with_images:
                raise SourceError(f"{query}: no column 'url', found {', '.join(map(str, row))}")
            title = plain(row.get("title") or row.get("caption"))
            if wanted and not wanted.search(f"{title} {row.get('caption')} {row.get('tags')}"):
                continue
            item = self._item(row, title, f"{Path(query).name}#{index}")
            if item:
                yield item

    def _item(self, row: dict[str, Any], title: str, place: str) -> Item | None:
        url, image = str(row.get("url") or "").strip(), row.get("image")
        data = image.get("bytes") if isinstance(image, dict) else image
        if not url and not data:
            return None
        kept = safe_id("url", url) if url and not data else safe_id("row", row.get("id") or place)
        item = item_of_row(self, row, kept, title, bytes(data) if data else None)
        return replace(item, url=url, author=item.author or self.config.author)


def item_of_row(
    source: Source, row: dict[str, Any], kept_as: str, title: str, data: bytes | None
) -> Item:
    """What a row says of a picture; where it states no license, the recipe's."""
    stated = str(row.get("license_url") or row.get("license") or source.config.license)
    return Item(
        id=kept_as,
        source=source.name,
        url=str(row.get("url") or ""),
        license=licenses.named(stated) if stated else None,
        page=str(row.get("page") or ""),
        title=title,
        author=plain(row.get("author")),
        author_url=str(row.get("author_url") or ""),
        credit=plain(row.get("attribution")),
        width=number(row.get("width")),
        height=number(row.get("height")),
        label=str(row.get("label") or ""),
        taken_at=str(row.get("taken_at") or ""),
        terms=str(row.get("terms") or "") or source.terms,
        data=data,
    )
