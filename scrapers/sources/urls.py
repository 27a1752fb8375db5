"""URL lists: txt, csv, tsv, jsonl, parquet; columns named as in the manifest are kept."""

import csv
from collections.abc import Iterator
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


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Stream the rows of a list, each with `url`; raises SourceError."""
    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=4096):
                    yield from batch.to_pylist()
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


class Urls(Source):
    """A row's `license` (URL or by-4.0) overrides the recipe's."""

    terms = "URL list: robots.txt and opt-outs obeyed; license as stated in the list or the recipe"

    def queries(self) -> list[str]:
        return [str(path) for path in self.config.files]

    def search(self, query: str) -> Iterator[Item]:
        for row in map(translate, read_rows(Path(query))):
            url = str(row.get("url") or "").strip()
            if not url:
                if "url" not in row:
                    raise SourceError(f"{query}: no column 'url', found {', '.join(map(str, row))}")
                continue
            stated = str(row.get("license_url") or row.get("license") or self.config.license)
            yield Item(
                id=safe_id("url", url),
                source=self.name,
                url=url,
                license=licenses.named(stated) if stated else None,
                page=str(row.get("page") or ""),
                title=plain(row.get("title") or row.get("caption")),
                author=plain(row.get("author")),
                author_url=str(row.get("author_url") or ""),
                credit=plain(row.get("attribution")),
                width=number(row.get("width")),
                height=number(row.get("height")),
                taken_at=str(row.get("taken_at") or ""),
                terms=str(row.get("terms") or "") or self.terms,
            )
