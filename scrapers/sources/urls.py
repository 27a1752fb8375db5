"""Lists of addresses: txt, csv, tsv, jsonl, parquet; columns of the manifest's names are kept."""

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
from scrapers.sources.base import Source, number, safe_id


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a list, each with `url`; streamed. Raises SourceError."""
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
    """A row's `licence` (address or by-4.0) counts before the recipe's word for all."""

    terms = (
        "List of addresses: robots.txt and opt-outs obeyed; licence as the list or the recipe says"
    )

    def queries(self) -> list[str]:
        return [str(path) for path in self.config.files]

    def search(self, query: str) -> Iterator[Item]:
        for row in read_rows(Path(query)):
            url = str(row.get("url") or "").strip()
            if not url:
                if "url" not in row:
                    raise SourceError(f"{query}: no column 'url', found {', '.join(map(str, row))}")
                continue
            said = str(row.get("licence_url") or row.get("licence") or "")
            said = said or self.config.licence
            yield Item(
                id=safe_id("url", url),
                source=self.name,
                url=url,
                licence=licenses.named(said) if said else None,
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
