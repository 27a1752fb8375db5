"""Openverse: https://api.openverse.org/v1/. A query ends at 240 results: it is cut up."""

import os
from collections.abc import Iterator
from typing import Any

from scrapers import licenses
from scrapers.item import Item, plain
from scrapers.sources.base import Source, number, safe_id

CAP = 240
# Cut by these, one after the other, while a window holds as many as the cap.
DIMENSIONS = {
    "license": (),  # the recipe's
    "aspect_ratio": ("wide", "tall", "square"),
    "size": ("large", "medium"),
}


class Openverse(Source):
    """Words; the licence is asked for, and checked again in every result."""

    terms = (
        "Openverse: the search interface within its limits, no copying of the catalogue; each "
        "picture's own licence (https://docs.openverse.org/terms_of_service.html, read 2026-11)"
    )

    def search(self, query: str) -> Iterator[Item]:
        wanted = [
            name
            for name in self.recipe.licences
            if name in ("cc0", "pdm", *licenses.CREATIVE_COMMONS)
        ]
        fixed = {"q": query[:200], "license": ",".join(wanted), "mature": "false"}
        if self.config.category:
            fixed["category"] = self.config.category
        if self.config.sources:
            fixed["source"] = ",".join(self.config.sources)
        seen: set[str] = set()
        dimensions = DIMENSIONS | {"license": tuple(wanted)}
        for result in self._window(fixed, dimensions):
            item = self._item(result)
            # An unknown `source` is dropped by the service, and the filter with it.
            if self.config.sources and result.get("source") not in self.config.sources:
                continue
            if item and item.id not in seen:
                seen.add(item.id)
                yield item

    def _headers(self) -> dict[str, str]:
        """A bearer token, where the environment has one: it raises the limits."""
        token = os.environ.get("OPENVERSE_TOKEN", "")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _reply(self, parameters: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = self.client.json(
            f"{self.config.endpoint}images/", parameters, self._headers()
        )
        return reply

    def _window(
        self, parameters: dict[str, Any], dimensions: dict[str, tuple[str, ...]]
    ) -> Iterator[dict[str, Any]]:
        first = self._reply({**parameters, "page_size": 20, "page": 1})
        if number(first.get("result_count")) >= CAP and dimensions:
            name, *rest = dimensions
            for value in dimensions[name]:
                below = {key: dimensions[key] for key in rest}
                yield from self._window({**parameters, name: value}, below)
            return
        yield from first.get("results", ())
        for page in range(2, number(first.get("page_count")) + 1):
            reply = self._reply({**parameters, "page_size": 20, "page": page})
            yield from reply.get("results", ())

    def _item(self, result: dict[str, Any]) -> Item | None:
        if not result.get("url") or result.get("mature"):
            return None
        # A missing version becomes 4.0 in the address they build: believe the version alone.
        licence = licenses.creative_commons(
            str(result.get("license", "")).lower(), result.get("license_version")
        )
        return Item(
            id=safe_id("openverse", result.get("id")),
            source=self.name,
            url=str(result["url"]),
            licence=licence,
            page=str(result.get("foreign_landing_url") or ""),
            title=plain(result.get("title")),
            author=plain(result.get("creator")),
            author_url=str(result.get("creator_url") or ""),
            credit=plain(result.get("attribution")),
            width=number(result.get("width")),
            height=number(result.get("height")),
            terms=self.terms,
        )
