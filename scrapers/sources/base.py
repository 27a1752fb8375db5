"""The base class of all sources."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from scrapers.errors import ScraperError
from scrapers.fetch.client import Client
from scrapers.files import sha256
from scrapers.item import Item
from scrapers.recipe import Recipe


class Source(ABC):
    """One entry of a recipe's sources; `terms`: what its owner allows, and when we read that."""

    terms: ClassVar[str] = ""

    def __init__(self, config: Any, client: Client, name: str, recipe: Recipe) -> None:
        self.config, self.client, self.name, self.recipe = config, client, name, recipe
        self.check()

    def check(self) -> None:  # noqa: B027  (most sources have nothing to check)
        """Raise ScraperError if this source may not be used this way."""

    def queries(self) -> list[str]:
        """The queries to search for, in order."""
        return list(getattr(self.config, "search", ())) or [""]

    @abstractmethod
    def search(self, query: str) -> Iterator[Item]:
        """The items of a query, best first; SourceError if it cannot continue."""

    def api_key(self, variable: str) -> str:
        """An API key from the environment; ScraperError if unset."""
        value = os.environ.get(variable, "").strip()
        if not value:
            raise ScraperError(f"{self.config.kind}: set {variable} in the environment to your key")
        return value


def safe_id(kind: str, native: object) -> str:
    """An id that is a valid file name: `kind-native`; hashed if it contains anything unusual."""
    text = str(native)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text):
        text = sha256(text)[:20]
    return f"{kind}-{text}"


def number(value: object) -> int:
    """An integer that may come as text; 0 if it is not one."""
    try:
        return int(str(value))
    except ValueError:
        return 0
