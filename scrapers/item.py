"""What a source finds: one picture that might be fetched, with all that must be said about it."""

from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup

from scrapers.licenses import Licence


@dataclass(frozen=True)
class Item:
    """One picture that a source offers; `licence` None means that none was found."""

    id: str  # unique and the same in every run; also the stem of the file
    source: str
    url: str
    licence: Licence | None
    page: str = ""
    title: str = ""
    author: str = ""
    author_url: str = ""
    credit: str = ""  # the line the source asks for; "" where it leaves that to us
    width: int = 0  # pixels, 0 unknown; of what `url` delivers
    height: int = 0
    taken_at: str = ""  # as the source writes it
    terms: str = ""
    path: Path | None = None  # set: a local file, nothing is fetched
    refusal: str = ""  # set: the source itself says that this one is out, and why

    @property
    def attribution(self) -> str:
        """The credit line: the source's own, else title, author, licence and page."""
        if self.credit:
            return self.credit
        title = f'"{self.title}"' if self.title else "Untitled"
        by = f" by {self.author}" if self.author else ""
        licence = f", {self.licence.name} {self.licence.url}".rstrip() if self.licence else ""
        return f"{title}{by}{licence}, {self.page or self.url}"


def plain(text: object) -> str:
    """Text without markup, on one line."""
    if text is None:
        return ""
    value = str(text)
    if "<" in value or "&" in value:
        value = BeautifulSoup(value, "html.parser").get_text(" ")
    return " ".join(value.split())


def first_link(text: object) -> str:
    """The first address that a piece of HTML links to; protocol-relative ones become https."""
    value = str(text or "")
    if "<a" not in value:
        return ""
    link = BeautifulSoup(value, "html.parser").find("a", href=True)
    address = str(link["href"]) if link else ""
    return f"https:{address}" if address.startswith("//") else address
