"""Pexels and the Unsplash API: rejected, their terms bar training sets."""

from collections.abc import Iterator

from scrapers.errors import ScraperError
from scrapers.item import Item
from scrapers.sources.base import Source

REASONS = {
    "pexels": (
        "pexels: its help pages bar using the API for data sets, training or evaluation without "
        "permission (https://help.pexels.com, read 2026-11); use commons, openverse or flickr"
    ),
    "unsplash": (
        "unsplash: its API guidelines put data mining and training off limits "
        "(https://help.unsplash.com, read 2026-11); the Unsplash Dataset allows it: ask for it at "
        "https://unsplash.com/data and use `kind: unsplash_dataset` with its photos.tsv files"
    ),
}


class RefusedSource(Source):
    """Raises an error that says why, and what to use instead."""

    def check(self) -> None:
        raise ScraperError(REASONS[self.config.kind])

    def search(self, query: str) -> Iterator[Item]:
        raise NotImplementedError
