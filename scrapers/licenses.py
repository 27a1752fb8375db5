"""Licenses by canonical URL: https://creativecommons.org/licenses/ and a few others."""

import re
from dataclasses import dataclass

DEFAULT = ("cc0", "pdm", "by")
CREATIVE_COMMONS = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd")
VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
# Not Creative Commons; a recipe must list them explicitly.
OTHERS = {
    "no-known-restrictions": (
        "No known copyright restrictions",
        "https://www.flickr.com/commons/usage/",
    ),
    "us-government": ("United States government work", "https://www.usa.gov/government-copyright"),
    "pixabay": ("Pixabay Content License", "https://pixabay.com/service/license-summary/"),
    "unsplash-lite": ("Unsplash Dataset Lite terms", "https://unsplash.com/data"),
    "own": ("Own work", ""),
}
KNOWN = ("cc0", "pdm", *CREATIVE_COMMONS, *OTHERS)
_PATTERN = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/(licenses|publicdomain)/"
    r"([a-z-]+)(?:/(\d\.\d))?(?:/([a-z]{2,3}(?:-[a-z]+)?))?/*(?:(?:deed|legalcode)[a-z._-]*)?/*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class License:
    """A license: id (`by`), version ("" if none) and canonical URL."""

    id: str
    version: str
    url: str

    @property
    def name(self) -> str:
        """Display name for credit lines: CC BY 4.0."""
        if self.id == "pdm":
            return "Public Domain Mark 1.0"
        if self.id == "cc0":
            return "CC0 1.0"
        if self.id in OTHERS:
            return OTHERS[self.id][0]
        return f"CC {self.id.upper()} {self.version}"


def creative_commons(name: str, version: str | None, port: str = "") -> License | None:
    """A Creative Commons license; None if unknown or its version is missing.

    cc0 and pdm only have version 1.0.
    """
    if name in ("cc0", "pdm"):
        if version not in (None, "", "1.0"):
            return None
        path = "zero" if name == "cc0" else "mark"
        return License(name, "1.0", f"https://creativecommons.org/publicdomain/{path}/1.0/")
    if name not in CREATIVE_COMMONS or version not in VERSIONS:
        return None
    end = f"{port}/" if port and port not in ("deed", "legalcode") else ""
    return License(name, version, f"https://creativecommons.org/licenses/{name}/{version}/{end}")


def from_url(url: str) -> License | None:
    """The license a URL points to, in any spelling; None for any other URL."""
    match = _PATTERN.fullmatch(url.strip().partition("?")[0].partition("#")[0])
    if not match:
        return None
    kind, name, version, port = (part.lower() if part else "" for part in match.groups())
    if kind == "publicdomain":
        return {
            "zero": creative_commons("cc0", version),
            "mark": creative_commons("pdm", version),
        }.get(name)
    return creative_commons(name, version, port)


def named(name: str) -> License | None:
    """A license as people write it: a URL, `cc0`, `pdm`, `own`, or `by-4.0`."""
    name = name.strip()
    if name in OTHERS:
        return License(name, "", OTHERS[name][1])
    if "//" in name:
        return from_url(name)
    kind, _, version = name.lower().removeprefix("cc-").rpartition("-")
    if version in VERSIONS:
        return creative_commons(kind, version)
    return creative_commons(name.lower().removeprefix("cc-"), None)
