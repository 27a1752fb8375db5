"""WebDataset tars of img2dataset (on one machine, Spark or Ray), with their license columns.

`python -m scrapers urls` wrote the list that img2dataset downloaded; this reads what came of it, so
that `clean`, `split`, credits and `pack` finish it.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scrapers.errors import SourceError
from scrapers.formats import SUFFIXES
from scrapers.item import Item, plain
from scrapers.manifest import translate
from scrapers.sources.base import Source, safe_id
from scrapers.sources.urls import expand, item_of_row


class Shards(Source):
    """One tar after the other, one picture in memory; a row without a license has the recipe's."""

    terms = "Shards: license as stated beside each picture, or in the recipe"

    def queries(self) -> list[str]:
        return expand(self.config.files)

    def search(self, query: str) -> Iterator[Item]:
        name = Path(query).stem
        try:
            with tarfile.open(query, "r|*") as tar:
                key, data = "", b""
                row: dict[str, Any] = {}
                for member in tar:
                    if not member.isreg():
                        continue
                    stem, _, suffix = Path(member.name).name.partition(".")
                    if stem != key:
                        if data:
                            yield self._item(f"{name}-{key}", data, row)
                        key, data, row = stem, b"", {}
                    if member.size > self.recipe.limits.max_bytes:
                        continue
                    file = tar.extractfile(member)
                    content = file.read() if file else b""
                    if f".{suffix.lower()}" in SUFFIXES:
                        data = content
                    elif suffix == "json":
                        row = translate(json.loads(content))
                if data:
                    yield self._item(f"{name}-{key}", data, row)
        except (OSError, tarfile.TarError, ValueError) as error:
            raise SourceError(f"{query}: {error}") from None

    def _item(self, place: str, data: bytes, row: dict[str, Any]) -> Item:
        title = plain(row.get("title") or row.get("caption"))
        kept_as = safe_id("shard", row.get("item_id") or row.get("id") or place)
        return item_of_row(self, row, kept_as, title, data)
