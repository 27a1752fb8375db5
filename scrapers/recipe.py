"""A recipe: YAML that says what to collect, from where, under which licenses."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from scrapers.errors import ScraperError
from scrapers.licenses import DEFAULT, KNOWN, named
from scrapers.options import Strict, parse, read_yaml

Queries = tuple[Annotated[str, Field(min_length=1)], ...]


class SourceConfig(Strict):
    """Options shared by all sources."""

    limit: PositiveInt | None = Field(None, description="at most this many images")


class ApiConfig(SourceConfig):
    """A web API; `endpoint` is for mirrors and tests."""

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
    """Flickr, with FLICKR_API_KEY; windowed by upload date: a query ends at 4,000 results."""

    kind: Literal["flickr"]
    endpoint: str = "https://api.flickr.com/services/rest/"
    start: str = Field("2004-02-10", pattern=r"^\d{4}-\d\d-\d\d$", description="first upload day")
    end: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$", description="last upload day")


class PixabayConfig(ApiConfig):
    """Pixabay, with PIXABAY_API_KEY; off until its terms are accepted."""

    kind: Literal["pixabay"]
    endpoint: str = "https://pixabay.com/api/"
    accept_terms: bool = False


class RefusedConfig(ApiConfig):
    """Pexels and Unsplash APIs: rejected with the reason."""

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
    colors: tuple[Path, ...] = Field((), description="its colors.tsv files, to skip gray photos")
    keywords: Queries = ()
    width: PositiveInt = 1080


class WebConfig(SourceConfig):
    """Images on web pages, from allow-listed hosts only."""

    kind: Literal["web"]
    pages: Queries = ()
    sitemaps: Queries = Field((), description="XML sitemaps whose pages are visited")
    next_pages: int = Field(20, ge=0, description="follow rel=next this often")
    hosts: Queries = Field(
        min_length=1, description="the only hosts that pages and images may come from"
    )
    license: str = Field("", description="default, if a page states none")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.pages and not self.sitemaps:
            raise ValueError("found neither pages nor sitemaps, expected one of them")
        return self


Column = Literal[
    "url", "image", "id", "title", "caption", "tags", "page", "author", "author_url", "license",
    "license_url", "attribution", "width", "height", "label", "taken_at",
]  # fmt: skip


class UrlsConfig(SourceConfig):
    """A URL list: txt (one per line), csv, tsv, jsonl or parquet with a `url` column."""

    kind: Literal["urls"]
    files: tuple[Path, ...] = Field(min_length=1, description="also patterns, such as x/*.parquet")
    columns: dict[Column, str] = Field({}, description="our name: the table's, such as page: link")
    keywords: Queries = Field((), description="whole words, one of which title or tags must hold")
    author: str = Field("", description="default, if a row names none")
    license: str = Field("", description="default, if a row states none")


class ShardsConfig(SourceConfig):
    """WebDataset tars, such as img2dataset writes."""

    kind: Literal["shards"]
    files: tuple[Path, ...] = Field(min_length=1, description="tars, also patterns: x/*.tar")
    license: str = Field("", description="default, if a picture's JSON states none")


class FolderConfig(SourceConfig):
    """A local folder; its images are copied."""

    kind: Literal["folder"]
    path: Path
    license: str = Field(description="of all images: own, cc0, by-4.0, or a URL")
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
    | ShardsConfig
    | FolderConfig,
    Field(discriminator="kind"),
]


class Limits(Strict):
    """Politeness and bounds. Stricter built-in limits of known hosts always apply."""

    rate: NonNegativeFloat = Field(2.0, description="requests per second per host; 0: no limit")
    concurrency: int = Field(2, ge=1, le=64, description="concurrent requests per host")
    workers: int = Field(16, ge=1, le=128, description="concurrent downloads in total")
    attempts: int = Field(4, ge=1, le=10)
    timeout: PositiveFloat = Field(20.0, description="seconds without a byte")
    deadline: PositiveFloat = Field(120.0, description="seconds per image")
    backoff: NonNegativeFloat = Field(1.0, description="seconds before the first retry; doubles")
    longest_wait: PositiveFloat = Field(
        300.0, description="hold a host that asks for a longer wait (Retry-After, Crawl-delay)"
    )
    training_bans: bool = Field(
        True, description="robots.txt bans of GPTBot, CCBot, img2dataset and the like count as ours"
    )
    max_bytes: PositiveInt = 50_000_000
    max_pixels: PositiveInt = 100_000_000


class Recipe(Strict):
    """One dataset: who asks, for what, under which licenses, from where."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    about: str = ""
    contact: str = Field("", description="email or web page where hosts can reach you; required")
    licenses: tuple[str, ...] = Field(DEFAULT, min_length=1)
    noncommercial: bool = Field(False, description="required for any -nc license")
    no_derivatives: bool = Field(False, description="required for any -nd license")
    min_side: PositiveInt = Field(256, description="pixels, short side")
    limit: PositiveInt | None = Field(None, description="images in total")
    expected: int | None = Field(None, description="measured image count; blank until measured")
    sources: tuple[AnySource, ...] = Field(min_length=1)
    limits: Limits = Limits()

    @field_validator("licenses")
    @classmethod
    def _known(cls, licenses: tuple[str, ...]) -> tuple[str, ...]:
        for license in licenses:
            if license not in KNOWN:
                raise ValueError(f"found {license!r}, expected some of {', '.join(KNOWN)}")
        return licenses

    @model_validator(mode="after")
    def _flags(self) -> Self:
        for part, flag in (("nc", "noncommercial"), ("nd", "no_derivatives")):
            bad = [name for name in self.licenses if part in name.split("-")]
            if bad and not getattr(self, flag):
                raise ValueError(f"licenses: {bad[0]} also needs `{flag}: true`")
        for source in self.sources:
            license = getattr(source, "license", "")
            if license and named(license) is None:
                raise ValueError(
                    f"license: found {license!r}, expected own, cc0, pdm, by-4.0 or a "
                    "creativecommons.org URL, with its version"
                )
        return self


_CONTACT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://[^\s/]+\.[^\s/]+(/\S*)?")


def check_contact(contact: str) -> str:
    """The contact if it is a real email or web address; else ScraperError."""
    if not _CONTACT.fullmatch(contact) or re.search(r"[@/.]example\.(org|com|net)\b", contact):
        raise ScraperError(
            f"contact: found {contact!r}, expected your email address or web page: hosts must be "
            "able to reach you. Set it in the recipe, or pass --contact"
        )
    return contact


def read_recipe(path: Path) -> Recipe:
    """Load a recipe; its paths are relative to its file, and ~ is the home folder."""

    def located(name: object) -> str:
        try:
            return str(path.parent / Path(str(name)).expanduser())
        except RuntimeError:
            raise ScraperError(f"{path}: found {name!r}, expected a user that is known") from None

    data = read_yaml(path)
    sources = data.get("sources")
    for source in sources if isinstance(sources, list) else ():
        if not isinstance(source, dict):
            continue
        for key in ("files", "colors"):
            if isinstance(source.get(key), list):
                source[key] = [located(name) for name in source[key]]
        if source.get("kind") == "folder" and "path" in source:
            source["path"] = located(source["path"])
    return parse(Recipe, data, path)
