"""Which license a web page states for one of its pictures.

The nearest statement counts: JSON-LD or microdata of the picture, its figure or caption, the block
around it. A statement of the page is good for its pictures only if the page states a single
license and denies none.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup
from bs4.element import Tag

from scrapers import licenses
from scrapers.licenses import License

# Of a picture, anywhere near it: someone else's rights.
_NOTICE = re.compile(
    r"©|\(c\)|\bcopyright|\ball rights reserved|\bcourtesy of|\bused (?:with|by) permission"
    r"|\bno (?:reuse|republication|licen[cs]e)|\bnot (?:covered|included) (?:by|in|under)",
    re.IGNORECASE,
)
# Of a whole page: what a free license does not go with, and agencies that license nothing freely.
_DENIAL = re.compile(
    r"\ball rights reserved|\b(?:getty images|shutterstock|istock|alamy|corbis|depositphotos"
    r"|adobe stock|associated press|reuters|afp)\b|\bused (?:with|by) permission"
    r"|\bnot (?:covered|included) (?:by|in|under)",
    re.IGNORECASE,
)
NEAR = 600  # characters around a picture without a figure that speak of it
_PAGE = ("body", "html", "main", "[document]")


class PageLicenses:
    """The license statements of a page."""

    def __init__(self, document: BeautifulSoup, root: str, default: License | None) -> None:
        self.document, self.root, self.default = document, root, default
        self._listed = dict(self._json_ld())
        self._works = [found for url, found in self._json_ld(images=False)]
        stated = {found.url if found else "unknown" for found in map(self._read, self._links())}
        listed = [*self._listed.values(), *self._works]
        stated |= {found.url if found else "unknown" for found in listed}
        self._several = len(stated) > 1
        self._denied = any(map(_DENIAL.search, self._texts(document))) or any(
            map(self._has_notice, document.find_all("figure"))
        )
        page = document.find_all(["a", "link"], rel="license", href=True)
        self._page = self._read(page[0]) if page else None
        self._silent = not stated

    def of(self, image: Tag, url: str) -> License | None:
        """The license of a picture at `url`; None if none is granted."""
        if url in self._listed:
            return self._listed[url]
        scope = self._scope(image)
        if scope is not None:
            microdata = scope.find(itemprop="license")
            links = [microdata] if microdata else self._links(scope)
            found = {self._read(link) for link in links}
            notice = any(map(_NOTICE.search, self._texts(scope)))
            if links:
                license = found.pop() if len(found) == 1 else None
                # "© Ann, CC BY" licenses; "© Getty Images. Text: CC BY" does not.
                denied = any(map(_DENIAL.search, self._texts(scope)))
                return None if denied else license
            if notice:
                return None
        return self.of_page()

    def of_page(self) -> License | None:
        """What the page grants to a picture that it says nothing about."""
        if self._silent:
            return self.default
        return None if self._several or self._denied else self._page

    def _scope(self, image: Tag) -> Tag | None:
        """What belongs to a picture: its figure, its microdata, or the block without others."""
        figure = image.find_parent("figure")
        item = image.find_parent(itemscope=True)
        if isinstance(item, Tag) and not str(item.get("itemtype", "")).endswith("ImageObject"):
            item = None
        if isinstance(item, Tag):
            return item
        if isinstance(figure, Tag):
            return figure
        scope: Tag = image
        while scope.parent is not None and scope.parent.name not in _PAGE:
            around = scope.parent
            if len(around.find_all("img", limit=2)) > 1 or len(around.get_text()) > NEAR:
                break
            scope = scope.parent
        return scope

    def _links(self, scope: Tag | None = None) -> list[Tag]:
        """Statements within a scope: rel=license, microdata, or plain links to a license."""
        found = []
        for tag in (scope or self.document).find_all(["a", "link", "meta", "span"]):
            relation = tag.get("rel") or ()
            stated = "license" in relation or tag.get("itemprop") == "license"
            if stated or (tag.get("href") and licenses.from_url(str(tag["href"]))):
                found.append(tag)
        return found

    def _read(self, tag: Tag) -> License | None:
        address = tag.get("href") or tag.get("content") or tag.get_text(" ")
        return licenses.named(urljoin(self.root, str(address).strip()))

    def _texts(self, scope: Tag) -> Iterator[str]:
        """The text of a scope, and what its pictures say of themselves."""
        yield " ".join(scope.get_text(" ").split())
        for image in [scope] if scope.name == "img" else scope.find_all("img"):
            yield " ".join(str(image.get(name, "")) for name in ("alt", "title", "data-credit"))

    def _has_notice(self, figure: Tag) -> bool:
        return not self._links(figure) and any(map(_NOTICE.search, self._texts(figure)))

    def _json_ld(self, images: bool = True) -> Iterator[tuple[str, License | None]]:
        """(URL, license) of every image, or of every other work, that JSON-LD describes."""
        for script in self.document.find_all("script", type="application/ld+json"):
            try:
                data = json.loads(script.get_text())
            except ValueError:
                continue
            for entry in _mappings(data):
                stated = entry.get("license")
                if isinstance(stated, dict):
                    stated = stated.get("@id") or stated.get("url")
                if not stated or ("Image" in str(entry.get("@type"))) != images:
                    continue
                for name in ("contentUrl", "url", "@id") if images else ("@type",):
                    if isinstance(entry.get(name), str):
                        yield urljoin(self.root, entry[name]), licenses.named(str(stated))


def _mappings(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, list):
        for value in data:
            yield from _mappings(value)
    elif isinstance(data, dict):
        yield data
        for value in data.values():
            yield from _mappings(value)
