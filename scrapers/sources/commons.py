"""Wikimedia Commons: https://www.mediawiki.org/wiki/API:Query, with CommonsMetadata's fields."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.item import Item, first_link, plain
from scrapers.licenses import License
from scrapers.sources.base import Source, number, safe_id

METADATA = (
    "LicenseShortName|License|LicenseUrl|Artist|Attribution|ObjectName|DateTimeOriginal|NonFree"
    "|DeletionReason|Restrictions"
)
HOSTS = ("upload.wikimedia.org", "thumb.wikimedia.org")


class Commons(Source):
    """Full-text search (`search`) and categories, `depth` levels deep."""

    terms = (
        "Wikimedia Commons: each file's own license; no further bar on machine learning "
        "(https://commons.wikimedia.org/wiki/Commons:Reuse, read 2026-11)"
    )

    def queries(self) -> list[str]:
        return [*self.config.search, *(f"Category:{name}" for name in self.config.categories)]

    def search(self, query: str) -> Iterator[Item]:
        if not query.startswith("Category:"):
            terms = f"{query} filetype:bitmap"
            yield from self._images(
                generator="search", gsrsearch=terms, gsrnamespace=6, gsrlimit=50
            )
            return
        seen, level = {query}, [query]
        for depth in range(self.config.depth + 1):
            below = []
            for title in level:
                members = {"generator": "categorymembers", "gcmtitle": title, "gcmlimit": 50}
                yield from self._images(**members, gcmtype="file")
                if depth < self.config.depth:
                    pages = self._pages({**members, "gcmtype": "subcat"})
                    below += [page["title"] for page in pages if page.get("title") not in seen]
                    seen.update(below)
            level = below

    def _pages(self, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Pages in order; a batch may span several replies, until `batchcomplete`."""
        common = {"action": "query", "format": "json", "formatversion": 2, "maxlag": 5}
        continuation: dict[str, Any] = {}
        batch: dict[int, dict[str, Any]] = {}
        seen: set[str] = set()
        while True:
            reply = self.client.json(
                self.config.endpoint, {**common, **parameters, **continuation}, retry=_busy
            )
            if "error" in reply:
                error = reply["error"]
                raise SourceError(f"Commons: {error.get('code')}: {plain(error.get('info'))[:150]}")
            for page in reply.get("query", {}).get("pages", ()):
                known = batch.setdefault(page.get("pageid", -len(batch)), {})
                known.update(page)
            if reply.get("batchcomplete"):
                yield from sorted(batch.values(), key=lambda page: page.get("index", 0))
                batch = {}
            if "continue" not in reply:
                return
            continuation = reply["continue"]
            token = json.dumps(continuation, sort_keys=True)
            if token in seen:
                raise SourceError(f"Commons: the search repeats itself at {token[:100]}")
            seen.add(token)

    def _images(self, **parameters: Any) -> Iterator[Item]:
        parameters |= {
            "prop": "imageinfo",
            "iiprop": "url|size|mime|mediatype|sha1|timestamp|user|extmetadata",
            "iiurlwidth": self.config.width,
            "iiextmetadatafilter": METADATA,
        }
        for page in self._pages(parameters):
            if item := self._item(page):
                yield item

    def _item(self, page: dict[str, Any]) -> Item | None:
        info = (page.get("imageinfo") or [{}])[0]
        gone = any(key in info or key in page for key in ("filemissing", "filehidden", "missing"))
        if not info.get("url") or gone or info.get("mediatype") != "BITMAP":
            return None
        meta = {key: _value(value) for key, value in info.get("extmetadata", {}).items()}
        if meta.get("DeletionReason") or meta.get("NonFree"):
            return None
        width, height = number(info.get("width")), number(info.get("height"))
        url = info["url"]
        if info.get("thumburl") and number(info.get("thumbwidth")) < width:
            url = info["thumburl"]
            height = round(height * self.config.width / max(1, width))
            width = self.config.width
        url = _without_tracking(url)
        own = urlsplit(self.config.endpoint).hostname
        if urlsplit(url).hostname not in (*HOSTS, own):
            return None
        license = _license(meta)
        title = plain(meta.get("ObjectName")) or page["title"].removeprefix("File:")
        author = plain(meta.get("Artist")) or info.get("user", "")
        page_url = info.get("descriptionurl", "")
        credit = plain(meta.get("Attribution"))
        if not credit and license:
            credit = (
                f'"{title}" by {author}, {license.name} {license.url}, via Wikimedia Commons, '
                f"{page_url}"
            )
        return Item(
            id=safe_id("commons", page["pageid"]),
            source=self.name,
            url=url,
            license=license,
            page=page_url,
            title=title,
            author=author,
            author_url=first_link(meta.get("Artist")),
            credit=credit,
            width=width,
            height=height,
            taken_at=plain(meta.get("DateTimeOriginal")),
            terms=self.terms,
        )


def _value(entry: Any) -> str:
    """A value of extmetadata; a mapping of languages gives English, else the first."""
    value = entry.get("value") if isinstance(entry, dict) else entry
    if isinstance(value, dict):
        texts = {key: text for key, text in value.items() if not key.startswith("_")}
        value = texts.get("en") or next(iter(texts.values()), "")
    return str(value or "")


def _license(meta: dict[str, str]) -> License | None:
    if url := meta.get("LicenseUrl"):
        return licenses.from_url(url)
    # Public domain files have no license URL, only the machine-readable id.
    short = meta.get("License", "").lower()
    return licenses.creative_commons("pdm", "1.0") if short == "pd" else licenses.named(short)


def _without_tracking(url: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if not pair[0].startswith("utm_")]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _busy(reply: Any) -> bool:
    return isinstance(reply, dict) and reply.get("error", {}).get("code") in (
        "maxlag",
        "ratelimited",
        "readonly",
    )
