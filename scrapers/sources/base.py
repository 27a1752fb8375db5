"""What every source is."""

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from scrapers.errors import ScraperError
from scrapers.fetch.client import Client
from scrapers.item import Item
from scrapers.recipe import Recipe


class Source(ABC):
    """One entry of a recipe's sources. `terms` is what its owner allows, and when that was read."""

    terms: ClassVar[str] = ""

    def __init__(self, config: Any, client: Client, name: str, recipe: Recipe) -> None:
        self.config, self.client, self.name, self.recipe = config, client, name, recipe
        self.check()

    def check(self) -> None:  # noqa: B027  (most sources have nothing to check)
        """Raise ScraperError where this source may not be used like this."""

    def queries(self) -> list[str]:
        """What is searched for, one after the other."""
        return list(getattr(self.config, "search", ())) or [""]

    @abstractmethod
    def search(self, query: str) -> Iterator[Item]:
        """The items that a query finds, best first. Raises SourceError where it cannot go on."""

    def key(self, variable: str, what: str) -> str:
        """A key from the environment; ScraperError where it is not set."""
        value = os.environ.get(variable, "").strip()
        if not value:
            raise ScraperError(f"{what}: set {variable} in the environment to your key")
        return value


def safe_id(kind: str, native: object) -> str:
    """An id that is a file name: `kind-native`; what cannot stand in one is hashed."""
    text = str(native)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text):
        text = hashlib.sha256(text.encode()).hexdigest()[:20]
    return f"{kind}-{text}"


def number(value: object) -> int:
    """A count that may have come as text; 0 where it is none."""
    try:
        return int(str(value))
    except ValueError:
        return 0
