"""Openverse: https://api.openverse.org/v1/. Queries end at 240 results; larger ones are split."""

import os
from collections.abc import Iterator
from typing import Any

from scrapers import licenses
from scrapers.item import Item, plain
from scrapers.sources.base import Source, number, safe_id

CAP = 240
# Split by these, in order, while a window reaches the cap.
DIMENSIONS = {
    "license": (),  # from the recipe
    "aspect_ratio": ("wide", "tall", "square"),
    "size": ("large", "medium"),
}


class Openverse(Source):
    """Full-text search; filters by license, and checks it again in every result."""

    terms = (
        "Openverse: the search interface within its limits, no copying of the catalog; each "
        "image's own license (https://docs.openverse.org/terms_of_service.html, read 2026-11)"
    )

    def search(self, query: str) -> Iterator[Item]:
        wanted = [
            name
            for name in self.recipe.licenses
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
            # The service ignores an unknown `source` filter.
            if self.config.sources and result.get("source") not in self.config.sources:
                continue
            if item and item.id not in seen:
                seen.add(item.id)
                yield item

    def _headers(self) -> dict[str, str]:
        """The bearer token, if set; it raises the rate limits."""
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
        # Their license URL defaults a missing version to 4.0: trust the version field only.
        license = licenses.creative_commons(
            str(result.get("license", "")).lower(), result.get("license_version")
        )
        return Item(
            id=safe_id("openverse", result.get("id")),
            source=self.name,
            url=str(result["url"]),
            license=license,
            page=str(result.get("foreign_landing_url") or ""),
            title=plain(result.get("title")),
            author=plain(result.get("creator")),
            author_url=str(result.get("creator_url") or ""),
            credit=plain(result.get("attribution")),
            width=number(result.get("width")),
            height=number(result.get("height")),
            terms=self.terms,
        )
