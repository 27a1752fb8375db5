"""The pictures of a web page: img, srcset, picture, lazy ones, og:image, with captions."""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import Tag

from scrapers.item import plain
from scrapers.sources.base import number

# Where scripts that load pictures late keep the true address.
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "data-flickity-lazyload-srcset")
_LAZY = (
    "data-src", "data-original", "data-lazy-src", "data-lazy", "data-full", "data-large_image",
    "data-hi-res-src", "data-echo", "data-url", "data-flickity-lazyload",
)  # fmt: skip
_URL = re.compile(r"[\s,]*(\S+)")
_DESCRIPTORS = re.compile(r"[^,(]*(?:\([^)]*\)[^,(]*)*,?")
# Types of <picture> that nothing here reads.
_UNREAD_TYPES = ("image/svg+xml", "image/jxl", "image/jp2", "video/")


def largest(srcset: str) -> tuple[str, float]:
    """(URL, size) of the largest candidate of a srcset, by width or density; "" without one.

    The grammar of the HTML standard: a URL may hold commas, but neither begins nor ends with one.
    """
    best, best_size, at = "", -1.0, 0
    while found := _URL.match(srcset, at):
        address, at = found[1], found.end()
        size = 1.0
        if not address.endswith(","):
            rest = _DESCRIPTORS.match(srcset, at)
            assert rest is not None  # it matches the empty text too
            size, at = _size(rest[0].rstrip(",")), rest.end()
        address = address.rstrip(",")
        if address and size > best_size:
            best, best_size = address, size
    return best, best_size


def _size(descriptors: str) -> float:
    sizes = re.findall(r"(\d+(?:\.\d+)?)([wx])(?=\s|$)", descriptors)
    if not descriptors.strip():
        return 1.0
    return max((float(value) for value, _ in sizes), default=-1.0)


def images(document: BeautifulSoup) -> Iterator[tuple[Tag, str, str, int, int]]:
    """(tag, URL, caption, width, height) of every picture on a page; size 0: unknown."""
    for image in document.find_all("img"):
        address, from_set = _address(image)
        if not address or address.startswith(("data:", "blob:", "about:")):
            continue
        # width and height are the displayed size, smaller than a srcset's largest.
        size = (0, 0) if from_set else (number(image.get("width")), number(image.get("height")))
        yield image, address, _caption(image), *size
    for tag in document.find_all("meta", property="og:image", content=True):
        yield tag, str(tag["content"]), "", 0, 0


def _address(image: Tag) -> tuple[str, bool]:
    """(the best URL of an img, whether it comes from a srcset)."""
    sets = [image.get(name) for name in ("srcset", *_LAZY_SETS)]
    picture = image.find_parent("picture")
    for source in picture.find_all("source") if picture else ():
        if not str(source.get("type", "")).startswith(_UNREAD_TYPES):
            sets += [source.get(name) for name in ("srcset", *_LAZY_SETS)]
    found = [largest(str(text)) for text in sets if text]
    found = [(address, size) for address, size in found if address and "data:" not in address[:5]]
    if found:
        return max(found, key=lambda pair: pair[1])[0], True
    lazy = next((str(image[name]).strip() for name in _LAZY if image.get(name)), "")
    return lazy or str(image.get("src") or "").strip(), bool(lazy)


def _caption(image: Tag) -> str:
    figure = image.find_parent("figure")
    caption = figure.find("figcaption") if figure else None
    return plain(caption.get_text(" ")) if caption else plain(image.get("alt"))
