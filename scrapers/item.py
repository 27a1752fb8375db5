"""What a source finds: one candidate image with its metadata, license and credit."""

from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup

from scrapers.licenses import License


@dataclass(frozen=True)
class Item:
    """One candidate image; `license` is None if none was found."""

    id: str  # unique and stable across runs; also the file stem
    source: str
    url: str
    license: License | None
    page: str = ""
    title: str = ""
    author: str = ""
    author_url: str = ""
    credit: str = ""  # the credit line the source asks for; "" if it has no wording of its own
    width: int = 0  # pixels of what `url` serves; 0: unknown
    height: int = 0
    label: str = ""  # its class: the folder it lies in
    taken_at: str = ""  # as the source writes it
    terms: str = ""
    hosts: tuple[str, ...] = ()  # the only ones that its download may visit; empty: any
    path: Path | None = None  # set: a local file, nothing to fetch
    data: bytes | None = None  # set: the picture itself came with its row
    rejection_reason: str = ""  # set: the source itself rules this one out

    @property
    def is_here(self) -> bool:
        """Whether there is nothing to fetch."""
        return self.path is not None or self.data is not None

    @property
    def attribution(self) -> str:
        """The source's own credit line, else title, author, license and page."""
        if self.credit:
            return self.credit
        title = f'"{self.title}"' if self.title else "Untitled"
        by = f" by {self.author}" if self.author else ""
        license = f", {self.license.name} {self.license.url}".rstrip() if self.license else ""
        return f"{title}{by}{license}, {self.page or self.url}"


def plain(text: object) -> str:
    """Text without HTML markup, on one line."""
    if text is None:
        return ""
    value = str(text)
    if "<" in value or "&" in value:
        value = BeautifulSoup(value, "html.parser").get_text(" ")
    return " ".join(value.split())


def first_link(text: object) -> str:
    """The first link in a piece of HTML; protocol-relative links become https."""
    value = str(text or "")
    if "<a" not in value:
        return ""
    link = BeautifulSoup(value, "html.parser").find("a", href=True)
    address = str(link["href"]) if link else ""
    return f"https:{address}" if address.startswith("//") else address
