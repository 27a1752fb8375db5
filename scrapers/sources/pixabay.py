"""Pixabay: https://pixabay.com/api/docs/. Off unless the recipe accepts its terms."""

from collections.abc import Iterator
from typing import Any

from scrapers import licenses
from scrapers.errors import ScraperError
from scrapers.item import Item, plain
from scrapers.sources.base import Source, number, safe_id

PER_PAGE, MAX_RESULTS = 200, 500


class Pixabay(Source):
    """Full-text search, with PIXABAY_API_KEY; up to 500 images per query, never `noAiTraining`."""

    terms = (
        "Pixabay: own license; replies kept for 24 hours; systematic mass downloads are barred "
        "(https://pixabay.com/api/docs/, read 2026-11)"
    )

    def check(self) -> None:
        if not self.config.accept_terms:
            raise ScraperError(
                "pixabay: its terms bar systematic mass downloads, and what they allow for "
                "training is disputed; read https://pixabay.com/service/terms/ and set "
                "`accept_terms: true` in the recipe if you may"
            )
        if "pixabay" not in self.recipe.licenses:
            raise ScraperError(
                "pixabay: its images have their own license: add `pixabay` to `licenses`"
            )
        self._key = self.api_key("PIXABAY_API_KEY")

    def search(self, query: str) -> Iterator[Item]:
        page = 1
        while (page - 1) * PER_PAGE < MAX_RESULTS:
            reply = self.client.json(
                self.config.endpoint,
                {
                    "key": self._key,
                    "q": query[:100],
                    "image_type": "photo",
                    "safesearch": "true",
                    "order": "popular",
                    "min_width": self.recipe.min_side,
                    "min_height": self.recipe.min_side,
                    "per_page": PER_PAGE,
                    "page": page,
                },
                secret=("key",),
            )
            for hit in reply.get("hits", ()):
                yield self._item(hit)
            # A page past the end is a 400 error.
            if page * PER_PAGE >= min(number(reply.get("totalHits")), MAX_RESULTS):
                return
            page += 1

    def _item(self, hit: dict[str, Any]) -> Item:
        reasons = {"noAiTraining": "author bars training", "isAiGenerated": "AI-generated"}
        reason = next((text for flag, text in reasons.items() if hit.get(flag) is not False), "")
        user = plain(hit.get("user"))
        width, height = number(hit.get("imageWidth")), number(hit.get("imageHeight"))
        scale = min(1.0, 1280 / max(1, width, height))  # the size of largeImageURL
        return Item(
            id=safe_id("pixabay", hit.get("id")),
            source=self.name,
            url=str(hit.get("largeImageURL") or hit.get("webformatURL") or ""),
            license=licenses.named("pixabay"),
            page=str(hit.get("pageURL", "")),
            title=plain(hit.get("tags")),
            author=user,
            author_url=f"https://pixabay.com/users/{user}-{hit.get('user_id')}/",
            credit=f"Image by {user} from Pixabay, {hit.get('pageURL', '')}",
            width=round(width * scale),
            height=round(height * scale),
            terms=self.terms,
            rejection_reason=reason,
        )
