"""Sources: `search(query)` yields items with url, page, author, license and size."""

from collections.abc import Iterator
from importlib import import_module

from scrapers.errors import SourceError
from scrapers.fetch.client import Client
from scrapers.item import Item
from scrapers.recipe import AnySource, Recipe
from scrapers.sources.base import Source

TABLE = {
    "commons": "commons:Commons",
    "openverse": "openverse:Openverse",
    "flickr": "flickr:Flickr",
    "pixabay": "pixabay:Pixabay",
    "pexels": "refused:RefusedSource",
    "unsplash": "refused:RefusedSource",
    "yfcc": "yfcc:Yfcc",
    "unsplash_dataset": "unsplash_dataset:UnsplashDataset",
    "web": "web:Web",
    "urls": "urls:Urls",
    "shards": "shards:Shards",
    "folder": "folder:Folder",
}


def create(config: AnySource, client: Client, name: str, recipe: Recipe) -> Source:
    """Create the source of a recipe entry; ScraperError if it may not be used."""
    module, _, kind = TABLE[config.kind].partition(":")
    source: Source = getattr(import_module(f"scrapers.sources.{module}"), kind)(
        config, client, name, recipe
    )
    return source


def source_names(recipe: Recipe) -> list[str]:
    """A name per source: its kind, numbered if the kind occurs twice."""
    kinds = [source.kind for source in recipe.sources]
    return [
        kind if kinds.count(kind) == 1 else f"{kind}-{kinds[:i].count(kind) + 1}"
        for i, kind in enumerate(kinds)
    ]


def items(recipe: Recipe, client: Client, name: str, number: int) -> Iterator[Item]:
    """All items of one source of a recipe.

    A query that fails stops no other: SourceError, with the first reason, comes at the end.
    Raises ScraperError.
    """
    source = create(recipe.sources[number], client, name, recipe)
    queries, failed = source.queries(), []
    for query in queries:
        try:
            yield from source.search(query)
        except SourceError as error:
            failed.append(str(error))
    if len(queries) == 1 and failed:
        raise SourceError(failed[0])
    if failed:
        raise SourceError(f"{len(failed)} of {len(queries)} queries failed, first: {failed[0]}")
