"""Images on web pages: img, srcset, og:image, with captions; allow-listed hosts only."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from bs4.element import Tag

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.fetch.access import FetchError
from scrapers.item import Item, plain
from scrapers.licenses import License
from scrapers.sources.base import Source, number, safe_id


def largest(srcset: str) -> str:
    """The URL with the largest width or density in a srcset."""
    best, largest_size = "", -1.0
    for part in srcset.split(", "):
        address, _, size = part.strip().rstrip(",").partition(" ")
        try:
            value = float(size.strip()[:-1]) if size.strip() else 1.0
        except ValueError:
            continue
        if address and value > largest_size:
            best, largest_size = address, value
    return best


class Web(Source):
    """Each page's images; a page's rel=license overrides the recipe's license."""

    terms = (
        "Web page: robots.txt and opt-outs obeyed; license as stated on the page or in the recipe"
    )

    def queries(self) -> list[str]:
        return list(self.config.pages)

    def _allowed(self, url: str) -> bool:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme in ("http", "https") and any(
            host == name or host.endswith(f".{name}") for name in self.config.hosts
        )

    def search(self, query: str) -> Iterator[Item]:
        if not self._allowed(query):
            raise SourceError(f"{query}: its host is not among the recipe's `hosts`")
        soup = self.client.page(query)
        if isinstance(soup, FetchError):
            raise SourceError(f"{query}: {soup.reason} {soup.detail}".strip())
        base = soup.find("base", href=True)
        root = urljoin(query, str(base["href"])) if base else query
        license = self._license(soup, root)
        name = soup.find("meta", attrs={"name": "author"})
        author = plain(name.get("content")) if name else ""
        page_title = plain(soup.title.get_text()) if soup.title else ""
        seen = set()
        for address, caption, width, height in self._images(soup):
            url = urljoin(root, address).partition("#")[0]
            if url in seen or not self._allowed(url):
                continue
            seen.add(url)
            yield Item(
                id=safe_id("web", url),
                source=self.name,
                url=url,
                license=license,
                page=query,
                title=caption or page_title,
                author=author,
                width=width,
                height=height,
                terms=self.terms,
            )

    def _license(self, soup: BeautifulSoup, root: str) -> License | None:
        link = soup.find(["a", "link"], rel="license", href=True)
        if link:
            return licenses.from_url(urljoin(root, str(link["href"])))
        return licenses.named(self.config.license) if self.config.license else None

    def _images(self, soup: BeautifulSoup) -> Iterator[tuple[str, str, int, int]]:
        """(URL, caption, width, height) of every image on a page."""
        for image in soup.find_all("img"):
            sets = [str(image.get("srcset", ""))]
            parent = image.parent
            if parent is not None and parent.name == "picture":
                sets += [str(s.get("srcset", "")) for s in parent.find_all("source")]
            from_set = next((found for text in sets if (found := largest(text))), "")
            address = from_set or str(image.get("src") or image.get("data-src") or "")
            if not address or address.startswith("data:"):
                continue
            # width and height are the displayed size, smaller than a srcset's largest.
            size = (0, 0) if from_set else (number(image.get("width")), number(image.get("height")))
            yield address, self._caption(image), *size
        for tag in soup.find_all("meta", property="og:image", content=True):
            yield str(tag["content"]), "", 0, 0

    def _caption(self, image: Tag) -> str:
        figure = image.find_parent("figure")
        caption = figure.find("figcaption") if figure else None
        return plain(caption.get_text(" ")) if caption else plain(image.get("alt"))
