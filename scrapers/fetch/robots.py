"""What a site allows: robots.txt, X-Robots-Tag, TDM reservations, meta tags.

RFC 9309 (robots.txt), https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/
(text and data mining), and the noai and noimageai directives that art hosts introduced.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from protego import Protego

TOKEN = "gan-color-datasets"
BLOCKING = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
# Directives that contain a colon themselves, unlike `robotname: directive`.
_WITH_VALUE = frozenset(
    {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
)
# Robots that collect for training, and the tokens that only say so: who bans one of them means
# collectors like this one. Names as their operators document them.
TRAINING_BOTS = (
    "GPTBot", "CCBot", "img2dataset", "Google-Extended", "Applebot-Extended", "anthropic-ai",
    "ClaudeBot", "Bytespider", "meta-externalagent", "FacebookBot", "Amazonbot", "cohere-ai",
    "cohere-training-data-crawler", "Diffbot", "ImagesiftBot", "omgili", "omgilibot", "AI2Bot",
    "PanguBot", "Timpibot", "laion-huggingface-processor", "LAIONDownloader", "Webzio-Extended",
)  # fmt: skip
_AGENT = re.compile(r"^\s*user-agent\s*:\s*([^#\r\n]+)", re.IGNORECASE | re.MULTILINE)
ROBOTS_BYTES = 500 * 1024  # RFC 9309, section 2.5: the least that must be parsed


class Robots:
    """One origin's robots.txt. `text` None: unreachable, so everything is disallowed.

    `bots`: other robots whose bans count as ours; one that the file does not name has none.
    """

    def __init__(self, text: str | None, bots: Iterable[str] = ()) -> None:
        self.reachable = text is not None
        text = (text or "")[:ROBOTS_BYTES]
        self._rules = Protego.parse(text)
        named = {name.strip().lower() for name in _AGENT.findall(text)}
        self._agents = [TOKEN, *(bot for bot in bots if bot.lower() in named)]

    def banned_as(self, url: str) -> str:
        """The robot as which we may not fetch a URL; "" if we may."""
        if not self.reachable:
            return TOKEN
        return next((bot for bot in self._agents if not self._rules.can_fetch(url, bot)), "")

    def allows(self, url: str) -> bool:
        """Whether we may fetch a URL."""
        return not self.banned_as(url)

    @property
    def delay(self) -> float:
        """Seconds between two requests (Crawl-delay, Request-rate)."""
        rate = self._rules.request_rate(TOKEN)
        every = rate.seconds / rate.requests if rate and rate.requests else 0.0
        return max(float(self._rules.crawl_delay(TOKEN) or 0.0), every)


def blocked_by_tags(lines: Iterable[str]) -> str:
    """The first directive of X-Robots-Tag (or meta) lines that blocks us, or ""."""
    for line in lines:
        applies = True
        for part in line.split(","):
            name, colon, rest = part.strip().partition(":")
            directive = name.strip().lower()
            if colon and directive not in _WITH_VALUE and " " not in directive:
                # A robot's name applies to the rest of its line.
                applies = directive == TOKEN
                directive = rest.strip().lower()
            if applies and directive in BLOCKING:
                return directive
    return ""


def _glob(pattern: str) -> re.Pattern[str]:
    end = "$" if pattern.endswith("$") else ""
    parts = pattern.removesuffix("$").split("*")
    return re.compile(".*".join(re.escape(part) for part in parts) + end)


class Reservations:
    """An origin's /.well-known/tdmrep.json: the first rule that matches a path says 0 or 1."""

    def __init__(self, text: str) -> None:
        self.rules: list[tuple[re.Pattern[str], bool | None]] = []
        try:
            rows = json.loads(text) if text else []
        except ValueError:
            rows = []
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and isinstance(row.get("location"), str):
                value = _reservation(row.get("tdm-reservation"))
                self.rules.append((_glob(row["location"]), value))

    def reserved(self, url: str, header: str | None = None, meta: str | None = None) -> bool:
        """Whether mining a URL is reserved; meta overrides header, header overrides the file."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        value = next((v for pattern, v in self.rules if pattern.match(path)), None)
        for later in (_reservation(header), _reservation(meta)):
            value = value if later is None else later
        return value is True


def _reservation(value: object) -> bool | None:
    return {"1": True, "0": False}.get(str(value).strip())


def meta_tags(document: BeautifulSoup) -> tuple[list[str], str | None]:
    """(robots lines that apply to us, tdm-reservation) from a page's meta tags."""
    lines, reservation = [], None
    for tag in document.find_all("meta"):
        name, content = str(tag.get("name", "")).lower(), str(tag.get("content", ""))
        if name in ("robots", TOKEN):
            lines.append(content)
        elif name == "tdm-reservation":
            reservation = content
    return lines, reservation
