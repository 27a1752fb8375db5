"""Sources: `search(query)` yields items with url, page, author, license and size."""

from importlib import import_module
from typing import Any

from scrapers.fetch.client import Client
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


def items(recipe: Recipe, client: Client, name: str, number: int) -> Any:
    """All items of one source of a recipe; raises SourceError, ScraperError."""
    source = create(recipe.sources[number], client, name, recipe)
    for query in source.queries():
        yield from source.search(query)
