"""Searching without fetching: a preview, and lists of addresses for img2dataset.

img2dataset (https://github.com/rom1504/img2dataset) spreads downloads over Spark or Ray.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scrapers.collect.filters import refusal
from scrapers.errors import ScraperError, SourceError
from scrapers.fetch.client import Client
from scrapers.fetch.robots import BLOCKING, TOKEN
from scrapers.item import Item
from scrapers.recipe import Recipe, check_contact
from scrapers.sources import items, label

# img2dataset's own output names (key, status, sha256, width, height, ...) must not come twice.
COLUMNS = (
    "url",
    "caption",
    "item_id",
    "source",
    "page",
    "author",
    "author_url",
    "licence",
    "licence_url",
    "attribution",
    "terms",
)


class Listing:
    """What a recipe's sources offer, gated, counted, never fetched."""

    def __init__(self, recipe: Recipe, limit: int | None, allowed: Collection[str]) -> None:
        self.recipe, self.limit, self.allowed = recipe, limit, allowed
        self.found: Counter[str] = Counter()
        self.refused: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.errors: dict[str, str] = {}

    def __iter__(self) -> Iterator[Item]:
        check_contact(self.recipe.contact)
        with tempfile.TemporaryDirectory() as folder:
            client = Client(self.recipe.contact, self.recipe.limits, Path(folder), self.allowed)
            seen: set[str] = set()
            for number, name in enumerate(label(self.recipe)):
                try:
                    yield from self._one(client, name, number, seen)
                except (SourceError, ScraperError) as error:
                    self.errors[name] = str(error)

    def _one(self, client: Client, name: str, number: int, seen: set[str]) -> Iterator[Item]:
        limit = self.recipe.sources[number].limit
        for item in items(self.recipe, client, name, number):
            if item.id in seen:
                continue
            seen.add(item.id)
            if reason := refusal(item, self.recipe):
                self.refused[name][reason] += 1
                continue
            self.found[name] += 1
            yield item
            if limit and self.found[name] >= limit:
                return
            if self.limit and self.found.total() >= self.limit:
                return


def preview(
    recipe: Recipe, limit: int, allowed: Collection[str] = ()
) -> tuple[Counter[str], dict[str, Counter[str]], dict[str, str]]:
    """(found, refused by reason, errors) per source for at most `limit` pictures."""
    listing = Listing(recipe, limit, allowed)
    for _ in listing:
        pass
    return listing.found, listing.refused, listing.errors


def write_urls(
    recipe: Recipe, output: Path, allowed: Collection[str] = ()
) -> tuple[int, dict[str, str]]:
    """Write COLUMNS as parquet, whole or not at all; (rows, errors per source)."""
    if output.suffix != ".parquet":
        raise ScraperError(f"-o: found {output.name!r}, expected a name that ends in .parquet")
    listing = Listing(recipe, recipe.limit, allowed)
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    count, rows = 0, []
    with pq.ParquetWriter(temporary, schema) as writer:
        for item in listing:
            if not item.url:
                continue  # a local file
            rows.append(_row(item))
            count += 1
            if len(rows) == 4096:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows = []
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    temporary.replace(output)
    return count, listing.errors


def _row(item: Item) -> dict[str, str]:
    assert item.licence
    return {
        "url": item.url,
        "caption": item.title,
        "item_id": item.id,
        "source": item.source,
        "page": item.page,
        "author": item.author,
        "author_url": item.author_url,
        "licence": item.licence.id,
        "licence_url": item.licence.url,
        "attribution": item.attribution,
        "terms": item.terms,
    }


def command(output: Path) -> str:
    """img2dataset's command for a list: as polite as it can be, every column kept."""
    kept = ",".join(f'"{name}"' for name in COLUMNS if name not in ("url", "caption"))
    blocked = ",".join(f'"{name}"' for name in sorted(BLOCKING))
    return (
        f"img2dataset --url_list {output} --input_format parquet --url_col url "
        f"--caption_col caption --save_additional_columns '[{kept}]' "
        f"--output_format webdataset --output_folder {output.with_suffix('')}_shards "
        "--resize_mode keep_ratio --image_size 288 --resize_only_if_bigger True "
        "--processes_count 1 --thread_count 4 --retries 2 "
        f"--user_agent_token {TOKEN} --disallowed_header_directives '[{blocked}]' "
        "--compute_hash sha256"
    )
