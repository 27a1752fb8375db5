"""Licenses by canonical URL: https://creativecommons.org/licenses/ and a few others.

Read is every form that Creative Commons has published, retired ones included, with version and
jurisdiction (its rdf-licenses in creativecommons/cc-legal-tools-data); anything else is unknown.
"""

import re
from dataclasses import dataclass

DEFAULT = ("cc0", "pdm", "by")
CREATIVE_COMMONS = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd")
# Without attribution: version 1.0 only, and 2.0 in Japan.
WITHOUT_BY = ("sa", "nd", "nc", "nc-sa", "nc-nd")
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
# The dedication and certification of before 2010, of United States law.
PDDC = "https://creativecommons.org/licenses/publicdomain/"
KNOWN = ("cc0", "pdm", "pddc", *CREATIVE_COMMONS, *WITHOUT_BY, *OTHERS)
# Recognized, so that a rejection names them; no recipe may list them.
RETIRED = {"sampling": "1.0", "sampling+": "1.0", "nc-sampling+": "1.0", "devnations": "2.0"}
# Version -> jurisdictions; "" is the license without one (generic, unported, international).
_PORTS = {
    "1.0": " fi il nl",
    "2.0": " at au be br ca cl de es fr hr it jp kr nl pl tw uk za",
    "2.1": "au ca es jp",
    "2.5": " ar au bg br ca ch cn co dk es hr hu il in it mk mt mx my nl pe pl pt scotland se si "
    "tw za",
    "3.0": " at au az br ch cl cn cr cz de ec ee eg es fr ge gr gt hk hr ie igo it lu nl no nz ph "
    "pl pr pt ro rs sg th tw ug us ve vn za",
    "4.0": "",
}
PORTS = {version: frozenset(ports.split(" ")) for version, ports in _PORTS.items()}
VERSIONS = tuple(PORTS)
# Version 1.0 wrote these parts the other way around.
_OLD_ORDER = {"by-nc-nd": "by-nd-nc", "nc-nd": "nd-nc"}
_NEW_ORDER = {old: new for new, old in _OLD_ORDER.items()}
_SITE = r"(?:https?:)?//(?:www\.)?creativecommons\.org/"
_TEXT = r"(?:(?:deed|legalcode|rdf)[a-z._-]*)?"  # the summary, the full text, in any language
_PATTERN = re.compile(
    rf"{_SITE}(licenses|publicdomain)/([a-z+-]+)(?:/(\d\.\d))?(?:/([a-z]{{2,3}}|scotland))?/*{_TEXT}/*",
    re.IGNORECASE,
)
_PDDC = rf"{_SITE}(?:licenses/publicdomain|publicdomain/certification/1\.0/us)/*{_TEXT}/*"


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
        if self.id == "pddc":
            return "Public Domain Dedication and Certification"
        if self.id in OTHERS:
            return OTHERS[self.id][0]
        port = self.url.rstrip("/").rpartition("/")[2]
        return f"CC {self.id.upper()} {self.version}{f' {port.upper()}' if port.isalpha() else ''}"


def creative_commons(name: str, version: str | None, port: str = "") -> License | None:
    """A Creative Commons license; None if it was never published, or its version is missing.

    cc0 and pdm only have version 1.0. `port`: its jurisdiction, such as `de`.
    """
    version = version or ""
    if name in ("cc0", "pdm"):
        if version not in ("", "1.0") or port:
            return None
        path = "zero" if name == "cc0" else "mark"
        return License(name, "1.0", f"https://creativecommons.org/publicdomain/{path}/1.0/")
    if name in _NEW_ORDER and version in ("1.0", "2.0"):
        name = _NEW_ORDER[name]
    if name in RETIRED:
        published = version == RETIRED[name] and port in ("", "br", "de", "tw")
    elif name in WITHOUT_BY:
        published = (version, port) == ("2.0", "jp") or (version == "1.0" and port in PORTS["1.0"])
    else:
        published = name in CREATIVE_COMMONS and port in PORTS.get(version, ())
    if not published:
        return None
    path = name
    if name in _OLD_ORDER and (version == "1.0" or name in WITHOUT_BY):
        path = _OLD_ORDER[name]
    end = f"{port}/" if port else ""
    return License(name, version, f"https://creativecommons.org/licenses/{path}/{version}/{end}")


def from_url(url: str) -> License | None:
    """The license a URL points to, in any spelling; None for any other URL."""
    url = url.strip().partition("?")[0].partition("#")[0]
    if re.fullmatch(_PDDC, url, re.IGNORECASE):
        return License("pddc", "", PDDC)
    match = _PATTERN.fullmatch(url)
    if not match:
        return None
    kind, name, version, port = (part.lower() if part else "" for part in match.groups())
    if kind == "publicdomain":
        ids = {"zero": "cc0", "mark": "pdm"}
        return creative_commons(ids[name], version, port) if name in ids else None
    return None if name in ("cc0", "pdm") else creative_commons(name, version, port)


def named(name: str) -> License | None:
    """A license as people write it: a URL, `cc0`, `own`, `by-4.0`, `CC BY-SA 3.0 DE`."""
    name = name.strip()
    if name in OTHERS:
        return License(name, "", OTHERS[name][1])
    if "//" in name:
        return from_url(name)
    text = re.sub(r"[\s_-]+", "-", name.lower()).removeprefix("cc-")
    if text in ("cc0", "cc0-1.0", "zero-1.0"):
        return creative_commons("cc0", "1.0")
    if text in ("pdm", "pdm-1.0", "public-domain-mark-1.0"):
        return creative_commons("pdm", "1.0")
    match = re.fullmatch(r"([a-z+-]+)-(\d\.\d)(?:-([a-z]+))?", text)
    if not match:
        return None
    kind, version, port = match.groups()
    plain = port in ("generic", "unported", "international", "intl")
    return creative_commons(kind, version, "" if plain or not port else port)
