"""Search without downloading: a preview, and URL lists for img2dataset.

img2dataset (https://github.com/rom1504/img2dataset) spreads downloads over Spark or Ray.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scrapers.collect.filters import rejection_reason
from scrapers.errors import ScraperError, SourceError
from scrapers.fetch.client import Client
from scrapers.fetch.robots import BLOCKING, TOKEN
from scrapers.files import atomic, make_folder
from scrapers.item import Item
from scrapers.recipe import Recipe, check_contact
from scrapers.sources import items, source_names

# None of img2dataset's own output columns (key, status, sha256, width, height, ...).
COLUMNS = (
    "url",
    "caption",
    "item_id",
    "source",
    "page",
    "author",
    "author_url",
    "license",
    "license_url",
    "attribution",
    "terms",
)


class FilteredSearch:
    """The items of a recipe's sources that pass the filters, counted; nothing is downloaded."""

    def __init__(
        self,
        recipe: Recipe,
        limit: int | None,
        allowed: Collection[str],
        check_sites: bool = False,
    ) -> None:
        self.recipe, self.limit, self.allowed = recipe, limit, allowed
        self.check_sites = check_sites  # robots.txt and reservations of every image's host
        self.found: Counter[str] = Counter()
        self.rejected: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.errors: dict[str, str] = {}

    def __iter__(self) -> Iterator[Item]:
        check_contact(self.recipe.contact)
        with tempfile.TemporaryDirectory() as folder:
            client = Client(self.recipe.contact, self.recipe.limits, Path(folder), self.allowed)
            seen: set[str] = set()
            for number, name in enumerate(source_names(self.recipe)):
                try:
                    yield from self._search(client, name, number, seen)
                except (SourceError, ScraperError) as error:
                    self.errors[name] = str(error)
            client.close()

    def _search(self, client: Client, name: str, number: int, seen: set[str]) -> Iterator[Item]:
        limit = self.recipe.sources[number].limit
        for item in items(self.recipe, client, name, number):
            if item.id in seen:
                continue
            seen.add(item.id)
            if reason := rejection_reason(item, self.recipe):
                self.rejected[name][reason] += 1
                continue
            error = client.access.site_error(item.url) if self.check_sites and item.url else None
            if error:
                self.rejected[name][error.reason] += 1
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
    """(found, rejected by reason, errors) per source for at most `limit` images."""
    search = FilteredSearch(recipe, limit, allowed)
    for _ in search:
        pass
    return search.found, search.rejected, search.errors


def write_urls(
    recipe: Recipe, output: Path, allowed: Collection[str] = ()
) -> tuple[int, dict[str, str]]:
    """Write COLUMNS as parquet, atomically; (rows, errors per source).

    What robots.txt or a reservation bars is skipped: img2dataset asks for neither.
    """
    if output.suffix != ".parquet":
        raise ScraperError(f"-o: found {output.name!r}, expected a .parquet file")
    search = FilteredSearch(recipe, recipe.limit, allowed, check_sites=True)
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    make_folder(output.parent)
    count, rows = 0, []
    with atomic(output) as partial, pq.ParquetWriter(partial, schema) as writer:
        for item in search:
            if not item.url:
                continue  # a local file
            rows.append(_row(item))
            count += 1
            if len(rows) == 4096:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows = []
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    barred = Counter[str]()
    for reasons in search.rejected.values():
        barred += reasons
    return count, search.errors | {"skipped": _counts(barred)} if barred else search.errors


def _counts(reasons: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())


def _row(item: Item) -> dict[str, str]:
    assert item.license
    return {
        "url": item.url,
        "caption": item.title,
        "item_id": item.id,
        "source": item.source,
        "page": item.page,
        "author": item.author,
        "author_url": item.author_url,
        "license": item.license.id,
        "license_url": item.license.url,
        "attribution": item.attribution,
        "terms": item.terms,
    }


def command(output: Path) -> str:
    """The img2dataset command for a URL list: as polite as it gets, keeping every column."""
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
