"""Images on web pages and on the pages that sitemaps and rel=next lead to; allowed hosts only."""

import gzip
import io
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

from scrapers import licenses
from scrapers.errors import SourceError
from scrapers.fetch.access import among
from scrapers.fetch.answers import FetchError
from scrapers.fetch.client import PAGE_BYTES, Page
from scrapers.item import Item, plain
from scrapers.sources.base import Source, safe_id
from scrapers.sources.page_images import images
from scrapers.sources.page_license import PageLicenses


class Web(Source):
    """Each page's images, with the license that the page states for each of them."""

    terms = (
        "Web page: robots.txt and opt-outs obeyed; license as stated on the page or in the recipe"
    )

    def queries(self) -> list[str]:
        return [*self.config.pages, *self.config.sitemaps]

    def _allowed(self, url: str) -> bool:
        return urlsplit(url).scheme in ("http", "https") and among(url, self.config.hosts)

    def search(self, query: str) -> Iterator[Item]:
        if not self._allowed(query):
            raise SourceError(f"{query}: its host is not among the recipe's `hosts`")
        seen: set[str] = set()
        if query in self.config.sitemaps:
            failed: list[str] = []
            for url in self._sitemap(query, set()):
                try:
                    yield from self._follow(url, seen)
                except SourceError as error:
                    failed.append(str(error))
            if failed:
                raise SourceError(f"{query}: {len(failed)} of its pages failed, first {failed[0]}")
            return
        yield from self._follow(query, seen)

    def _follow(self, url: str, seen: set[str]) -> Iterator[Item]:
        """The images of a page and of those that rel=next leads to."""
        for _ in range(self.config.next_pages + 1):
            if url in seen:
                return
            page = self.client.page(url, self.config.hosts)
            seen |= {url} if isinstance(page, FetchError) else {url, page.url}
            if isinstance(page, FetchError):
                raise SourceError(f"{url}: {page.reason} {page.detail}".strip())
            yield from self._images(page)
            following = page.document.find(["a", "link"], rel="next", href=True)
            if not following:
                return
            url = urljoin(self._root(page), str(following["href"])).partition("#")[0]
            if not self._allowed(url):
                return

    def _root(self, page: Page) -> str:
        base = page.document.find("base", href=True)
        return urljoin(page.url, str(base["href"])) if base else page.url

    def _images(self, page: Page) -> Iterator[Item]:
        document, root = page.document, self._root(page)
        default = licenses.named(self.config.license) if self.config.license else None
        stated = PageLicenses(document, root, default)
        name = document.find("meta", attrs={"name": "author"})
        author = plain(name.get("content")) if name else ""
        page_title = plain(document.title.get_text()) if document.title else ""
        seen: dict[str, Item] = {}
        for tag, address, caption, width, height in images(document):
            url = urljoin(root, address).partition("#")[0]
            if not self._allowed(url):
                continue
            license = stated.of(tag, url) if tag.name == "img" else stated.of_page()
            if url in seen:
                if tag.name == "img" and license != seen[url].license:
                    license = None  # shown twice, under two licenses
                else:
                    continue
            seen[url] = Item(
                id=safe_id("web", url),
                source=self.name,
                url=url,
                license=license,
                page=page.url,
                title=caption or page_title,
                author=author,
                width=width,
                height=height,
                terms=self.terms,
                hosts=self.config.hosts,
            )
        yield from seen.values()

    def _sitemap(self, url: str, seen: set[str]) -> Iterator[str]:
        """The pages of a sitemap, or of a sitemap of sitemaps (https://www.sitemaps.org)."""
        seen.add(url)
        found = self.client.document(url, {"Accept": "application/xml"}, self.config.hosts)
        if isinstance(found, FetchError):
            raise SourceError(f"{url}: {found.reason} {found.detail}".strip())
        try:
            data = found.data
            if data.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                    data = file.read(PAGE_BYTES)
            if re.search(rb"<!(?:DOCTYPE|ENTITY)", data[:2000], re.IGNORECASE):
                raise SourceError(f"{url}: found a document type, expected a plain sitemap")
            tree = ElementTree.fromstring(data)
        except (ElementTree.ParseError, OSError, EOFError) as error:
            raise SourceError(f"{url}: found no sitemap: {error}") from None
        index = tree.tag.endswith("sitemapindex")
        for entry in tree.iter():
            address = urljoin(found.url, (entry.text or "").strip())
            if not entry.tag.endswith("}loc") and entry.tag != "loc":
                continue
            if not self._allowed(address):
                continue
            if not index:
                yield address
            elif address not in seen:
                yield from self._sitemap(address, seen)
