"""Flickr: https://www.flickr.com/services/api/flickr.photos.search.html, by upload date."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.item import Item, plain
from scrapers.licenses import License
from scrapers.sources.base import Source, number, safe_id

# Flickr's license ids; unlike the names, they never changed.
LICENSES = {
    "1": ("by-nc-sa", "2.0"),
    "2": ("by-nc", "2.0"),
    "3": ("by-nc-nd", "2.0"),
    "4": ("by", "2.0"),
    "5": ("by-sa", "2.0"),
    "6": ("by-nd", "2.0"),
    "7": ("no-known-restrictions", ""),
    "8": ("us-government", ""),
    "9": ("cc0", "1.0"),
    "10": ("pdm", "1.0"),
    "11": ("by", "4.0"),
    "12": ("by-sa", "4.0"),
    "13": ("by-nd", "4.0"),
    "14": ("by-nc", "4.0"),
    "15": ("by-nc-sa", "4.0"),
    "16": ("by-nc-nd", "4.0"),
}
# A query ends at 4,000 results, and its total is an underestimate: split larger windows.
WINDOW, PER_PAGE, MIN_SECONDS = 3000, 500, 300
RETRIED = (10, 105, 201)  # error codes: temporarily unavailable
TOO_FAR = 20  # error code: page out of range
# In order of preference: 1024 pixels, then larger, then smaller.
SIZES = ("l", "h", "k", "c", "z", "o")
EXTRAS = "license,owner_name,date_taken,date_upload,media,o_dims,path_alias," + ",".join(
    f"url_{size}" for size in SIZES
)


def license_of(flickr_id: object) -> License | None:
    """The license of a Flickr license id; None for all rights reserved."""
    name, version = LICENSES.get(str(flickr_id), ("", ""))
    return (
        licenses.named(name)
        if name in licenses.OTHERS
        else licenses.creative_commons(name, version)
    )


def live_url(url: str) -> str:
    """Rewrite an old farm URL to the host that serves it today; always https."""
    match = re.fullmatch(
        r"https?://farm\d+\.static\.?flickr\.com/(\d+)/(\d+_[0-9a-z]+(?:_[a-z0-9]+)?\.[a-z]+)", url
    )
    if match:
        return f"https://live.staticflickr.com/{match[1]}/{match[2]}"
    return re.sub(r"^http://(?=[^/]*flickr\.com/)", "https://", url)


class Flickr(Source):
    """Full-text search, with FLICKR_API_KEY."""

    terms = (
        "Flickr: each photo's own license; link to its page; keys are non-commercial by default "
        "(https://www.flickr.com/help/terms/api, read 2026-11)"
    )

    def check(self) -> None:
        self._key = self.api_key("FLICKR_API_KEY")

    def search(self, query: str) -> Iterator[Item]:
        wanted = [key for key, (name, _) in LICENSES.items() if name in self.recipe.licenses]
        start = datetime.fromisoformat(self.config.start).replace(tzinfo=UTC)
        end = datetime.fromisoformat(self.config.end) if self.config.end else datetime.now(UTC)
        # Midnight: repeating a query on the same day hits the response cache.
        end = end.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
        seen: set[str] = set()
        fixed = {"text": query, "license": ",".join(wanted)}
        for photo in self._window(fixed, int(start.timestamp()), int(end.timestamp())):
            photo_id = str(photo.get("id"))
            if photo_id not in seen:
                seen.add(photo_id)
                if item := self._item(photo):
                    yield item

    def _reply(self, parameters: dict[str, Any]) -> dict[str, Any]:
        reply = self.client.json(
            self.config.endpoint,
            {
                "method": "flickr.photos.search",
                "api_key": self._key,
                "format": "json",
                "nojsoncallback": 1,
                "media": "photos",
                "content_type": 1,
                "safe_search": 1,
                "sort": "date-posted-asc",
                "per_page": PER_PAGE,
                "extras": EXTRAS,
                **parameters,
            },
            retry=lambda reply: reply.get("code") in RETRIED,
            secret=("api_key",),
        )
        if reply.get("stat") != "ok":
            if reply.get("code") == TOO_FAR:
                return {"photo": [], "pages": 0}
            raise SourceError(f"Flickr: error {reply.get('code')}: {plain(reply.get('message'))}")
        photos: dict[str, Any] = reply["photos"]
        return photos

    def _window(self, fixed: dict[str, Any], start: int, end: int) -> Iterator[dict[str, Any]]:
        window = {**fixed, "min_upload_date": start, "max_upload_date": end}
        first = self._reply({**window, "page": 1})
        if number(first.get("total")) > WINDOW and end - start > MIN_SECONDS:
            middle = (start + end) // 2
            yield from self._window(fixed, start, middle)
            yield from self._window(fixed, middle, end)
            return
        yield from first.get("photo", ())
        for page in range(2, number(first.get("pages")) + 1):
            photos = self._reply({**window, "page": page}).get("photo", ())
            if not photos:
                return
            yield from photos

    def _item(self, photo: dict[str, Any]) -> Item | None:
        def side(size: str, name: str) -> int:
            return number(photo.get(f"{name}_{size}"))

        sizes = [size for size in SIZES if photo.get(f"url_{size}")]
        large = [
            size
            for size in sizes
            if not side(size, "width")
            or min(side(size, "width"), side(size, "height")) >= self.recipe.min_side
        ]
        if not sizes:
            return None
        size = (large or sizes)[0]
        photo_id, owner = photo["id"], photo.get("owner", "")
        title, author = plain(photo.get("title")), plain(photo.get("ownername"))
        return Item(
            id=safe_id("flickr", photo_id),
            source=self.name,
            url=live_url(photo[f"url_{size}"]),
            license=license_of(photo.get("license")),
            page=f"https://www.flickr.com/photos/{owner}/{photo_id}",
            title=title,
            author=author,
            author_url=f"https://www.flickr.com/people/{owner}",
            width=side(size, "width"),
            height=side(size, "height"),
            taken_at=str(photo.get("datetaken", "")),
            terms=self.terms,
        )
