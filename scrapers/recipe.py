"""A recipe: the YAML that says what to collect, from where, under which licences."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from scrapers.errors import ScraperError
from scrapers.licenses import DEFAULT, KNOWN, named
from scrapers.options import Strict, parse, read_yaml

Queries = tuple[Annotated[str, Field(min_length=1)], ...]


class SourceConfig(Strict):
    """What every source may say."""

    limit: int | None = Field(None, gt=0, description="pictures from this source at most")


class ApiConfig(SourceConfig):
    """A source behind an interface of the web; `endpoint` is for mirrors and tests."""

    search: Queries = ()
    endpoint: str = ""


class CommonsConfig(ApiConfig):
    """Wikimedia Commons: words, categories, or both."""

    kind: Literal["commons"]
    endpoint: str = "https://commons.wikimedia.org/w/api.php"
    categories: Queries = ()
    depth: int = Field(0, ge=0, le=8, description="how far to follow subcategories")
    # The widths that Wikimedia renders since January 2026.
    width: Literal[500, 960, 1280, 1920, 3840] = 1280


class OpenverseConfig(ApiConfig):
    """Openverse; a bearer token in OPENVERSE_TOKEN raises its limits."""

    kind: Literal["openverse"]
    endpoint: str = "https://api.openverse.org/v1/"
    category: Literal["photograph", "illustration", "digitized_artwork"] | None = "photograph"
    sources: tuple[str, ...] = Field((), description="such as flickr, wikimedia; empty: all")


class FlickrConfig(ApiConfig):
    """Flickr, by FLICKR_API_KEY; windowed by upload date, because a query ends at 4,000."""

    kind: Literal["flickr"]
    endpoint: str = "https://api.flickr.com/services/rest/"
    start: str = Field("2004-02-10", pattern=r"^\d{4}-\d\d-\d\d$", description="first upload day")
    end: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$", description="last upload day")


class PixabayConfig(ApiConfig):
    """Pixabay, by PIXABAY_API_KEY; off until its terms are accepted."""

    kind: Literal["pixabay"]
    endpoint: str = "https://pixabay.com/api/"
    accept_terms: bool = False


class RefusedConfig(ApiConfig):
    """Pexels and Unsplash: known, and refused with the reason."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: Literal["pexels", "unsplash"]


class YfccConfig(SourceConfig):
    """YFCC100M metadata (TSV, also .gz and .bz2), filtered by keywords in title, tags, text."""

    kind: Literal["yfcc"]
    files: tuple[Path, ...] = Field(min_length=1)
    keywords: Queries = ()


class UnsplashDatasetConfig(SourceConfig):
    """The Unsplash research dataset's photos.tsv files."""

    kind: Literal["unsplash_dataset"]
    files: tuple[Path, ...] = Field(min_length=1)
    colors: tuple[Path, ...] = Field((), description="its colors.tsv files: grey ones are left out")
    keywords: Queries = ()
    width: int = Field(1080, gt=0)


class WebConfig(SourceConfig):
    """Pictures of web pages, from allow-listed hosts only."""

    kind: Literal["web"]
    pages: Queries = Field(min_length=1)
    hosts: Queries = Field(min_length=1, description="pages and pictures come from these alone")
    licence: str = Field("", description="of every picture, where the pages do not say it")


class UrlsConfig(SourceConfig):
    """A list of addresses: txt (one a line), csv, tsv, jsonl or parquet with the column `url`."""

    kind: Literal["urls"]
    files: tuple[Path, ...] = Field(min_length=1)
    licence: str = Field("", description="of every picture without one in the column licence")


class FolderConfig(SourceConfig):
    """A folder of pictures on this machine: they are copied."""

    kind: Literal["folder"]
    path: Path
    licence: str = Field(description="of all of them: own, cc0, by-4.0, or an address")
    author: str = ""


AnySource = Annotated[
    CommonsConfig
    | OpenverseConfig
    | FlickrConfig
    | PixabayConfig
    | RefusedConfig
    | YfccConfig
    | UnsplashDatasetConfig
    | WebConfig
    | UrlsConfig
    | FolderConfig,
    Field(discriminator="kind"),
]


class Limits(Strict):
    """Politeness and bounds. Known hosts have stricter limits of their own, which always hold."""

    rate: float = Field(2.0, ge=0, description="requests per second and host; 0: no limit")
    concurrency: int = Field(2, ge=1, le=64, description="requests at a time per host")
    workers: int = Field(16, ge=1, le=128, description="downloads at a time in all")
    attempts: int = Field(4, ge=1, le=10)
    timeout: float = Field(20.0, gt=0, description="seconds without a byte")
    deadline: float = Field(120.0, gt=0, description="seconds for one picture")
    backoff: float = Field(1.0, ge=0, description="seconds before the first retry; doubles")
    longest_wait: float = Field(300.0, gt=0, description="a Retry-After beyond it ends the item")
    max_bytes: int = Field(50_000_000, gt=0)
    max_pixels: int = Field(100_000_000, gt=0)


class Recipe(Strict):
    """One dataset: who asks, what for, under which licences, from where."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    about: str = ""
    contact: str = Field("", description="address or page by which hosts can reach you; required")
    licences: tuple[str, ...] = Field(DEFAULT, min_length=1)
    noncommercial: bool = Field(False, description="needed beside any -nc- licence")
    no_derivatives: bool = Field(False, description="needed beside any -nd licence")
    min_side: int = Field(256, ge=1, description="pixels of the shorter side")
    limit: int | None = Field(None, gt=0, description="pictures in all")
    expected: int | None = Field(None, description="what somebody measured; blank until then")
    sources: tuple[AnySource, ...] = Field(min_length=1)
    limits: Limits = Limits()

    @field_validator("licences")
    @classmethod
    def _known(cls, licences: tuple[str, ...]) -> tuple[str, ...]:
        for licence in licences:
            if licence not in KNOWN:
                raise ValueError(f"found {licence!r}, expected some of {', '.join(KNOWN)}")
        return licences

    @model_validator(mode="after")
    def _flags(self) -> Self:
        for part, flag in (("nc", "noncommercial"), ("nd", "no_derivatives")):
            bad = [name for name in self.licences if part in name.split("-")]
            if bad and not getattr(self, flag):
                raise ValueError(f"licences: {bad[0]} also needs `{flag}: true`")
        for source in self.sources:
            licence = getattr(source, "licence", "")
            if licence and named(licence) is None:
                raise ValueError(
                    f"licence: found {licence!r}, expected own, cc0, pdm, by-4.0 or an address "
                    "of creativecommons.org, with its version"
                )
        return self


_CONTACT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://[^\s/]+\.[^\s/]+(/\S*)?")


def check_contact(contact: str) -> str:
    """The contact, where it is a mail or web address of somebody; ScraperError otherwise."""
    if not _CONTACT.fullmatch(contact) or re.search(r"[@/.]example\.(org|com|net)\b", contact):
        raise ScraperError(
            f"contact: found {contact!r}, expected your mail address or page: hosts must be able "
            "to reach whoever fetches. Write it into the recipe, or give --contact"
        )
    return contact


def read_recipe(path: Path) -> Recipe:
    """A recipe from its file; paths in it are relative to that file."""
    data = read_yaml(path)
    for source in data.get("sources") or ():
        if not isinstance(source, dict):
            continue
        for key in ("files", "colors"):
            if isinstance(source.get(key), list):
                source[key] = [str(path.parent / str(name)) for name in source[key]]
        if source.get("kind") == "folder" and "path" in source:
            source["path"] = str(path.parent / str(source["path"]))
    return parse(Recipe, data, path)
