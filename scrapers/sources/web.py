"""Pictures of web pages: img, srcset, og:image, with their captions; allow-listed hosts only."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from bs4.element import Tag

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.fetch.access import Refused
from scrapers.item import Item, plain
from scrapers.licenses import Licence
from scrapers.sources.base import Source, number, safe_id


def largest(srcset: str) -> str:
    """The address with the largest width or density of a srcset."""
    best, most = "", -1.0
    for part in srcset.split(", "):
        address, _, size = part.strip().rstrip(",").partition(" ")
        try:
            value = float(size.strip()[:-1]) if size.strip() else 1.0
        except ValueError:
            continue
        if address and value > most:
            best, most = address, value
    return best


class Web(Source):
    """Each page's pictures; the page's rel=license counts before the recipe's word."""

    terms = (
        "Web page: robots.txt and opt-outs obeyed; licence as stated on the page or in the recipe"
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
            raise SourceError(f"{query}: its host is not among the recipe's hosts")
        soup = self.client.page(query)
        if isinstance(soup, Refused):
            raise SourceError(f"{query}: {soup.reason} {soup.detail}".strip())
        base = soup.find("base", href=True)
        root = urljoin(query, str(base["href"])) if base else query
        licence = self._licence(soup, root)
        name = soup.find("meta", attrs={"name": "author"})
        author = plain(name.get("content")) if name else ""
        page_title = plain(soup.title.get_text()) if soup.title else ""
        seen = set()
        for address, caption, width, height in self._pictures(soup):
            url = urljoin(root, address).partition("#")[0]
            if url in seen or not self._allowed(url):
                continue
            seen.add(url)
            yield Item(
                id=safe_id("web", url),
                source=self.name,
                url=url,
                licence=licence,
                page=query,
                title=caption or page_title,
                author=author,
                width=width,
                height=height,
                terms=self.terms,
            )

    def _licence(self, soup: BeautifulSoup, root: str) -> Licence | None:
        link = soup.find(["a", "link"], rel="license", href=True)
        if link:
            return licenses.from_url(urljoin(root, str(link["href"])))
        return licenses.named(self.config.licence) if self.config.licence else None

    def _pictures(self, soup: BeautifulSoup) -> Iterator[tuple[str, str, int, int]]:
        """(address, caption, width, height) of every picture that a page shows."""
        for image in soup.find_all("img"):
            sets = [str(image.get("srcset", ""))]
            parent = image.parent
            if parent is not None and parent.name == "picture":
                sets += [str(s.get("srcset", "")) for s in parent.find_all("source")]
            better = next((found for text in sets if (found := largest(text))), "")
            address = better or str(image.get("src") or image.get("data-src") or "")
            if not address or address.startswith("data:"):
                continue
            # width and height say what is shown, which is smaller than a srcset's largest.
            shown = (0, 0) if better else (number(image.get("width")), number(image.get("height")))
            yield address, self._caption(image), *shown
        for tag in soup.find_all("meta", property="og:image", content=True):
            yield str(tag["content"]), "", 0, 0

    def _caption(self, image: Tag) -> str:
        figure = image.find_parent("figure")
        caption = figure.find("figcaption") if figure else None
        return plain(caption.get_text(" ")) if caption else plain(image.get("alt"))
