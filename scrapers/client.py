"""A polite HTTP client. What goes wrong is a value (`Refused`) that callers count.

It says who asks, obeys robots.txt, opt-outs, rates and Retry-After, resumes what broke off, never
leaves the open internet, and never turns TLS verification off.
"""

import email.utils
import json
import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup
from urllib3.exceptions import HTTPError

from scrapers.addresses import GuardedAdapter, PrivateAddressError
from scrapers.errors import SourceError
from scrapers.hosts import Hosts, origin
from scrapers.optout import ROBOTS_BYTES, TOKEN, Reservations, Robots, blocked_by_tags, meta_tags
from scrapers.recipe import Limits
from scrapers.replies import Replies

REDIRECTS = 5
PAGE_BYTES = 10_000_000
CHUNK = 1 << 16
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
# Below this many bytes per second, after ten seconds, a download is a drip.
SLOWEST = 1000
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])


@dataclass(frozen=True)
class Refused:
    """Why an address gave nothing. `retry`: it may give it later; `after`: not before, seconds."""

    reason: str
    detail: str = ""
    retry: bool = False
    after: float | None = None


@dataclass(frozen=True)
class Downloaded:
    """A file whole on the disk, where it came from in the end, and how many bytes came now."""

    url: str
    received: int
    etag: str
    length: int


@dataclass(frozen=True)
class Started:
    """What an answer's head said, noted so that a killed download can go on."""

    etag: str
    length: int


def user_agent(contact: str) -> str:
    """Who asks: a name, a version, a contact."""
    return f"{TOKEN}/1.0 ({contact}) requests/{version('requests')}"


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


class Client:
    """One per run; used by many threads."""

    def __init__(
        self,
        contact: str,
        limits: Limits,
        replies: Path | None = None,
        allowed_addresses: Collection[str] = (),
    ) -> None:
        self.limits = limits
        self.hosts = Hosts(limits.rate, limits.concurrency)
        self.replies = Replies(replies)
        self._agent = user_agent(contact)
        self._allowed = frozenset(allowed_addresses)
        self._local = threading.local()
        self._rules: dict[str, tuple[Robots, Reservations]] = {}
        self._rules_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    # ---- one request

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no netrc, no proxy behind which addresses go unchecked
            session.headers["User-Agent"] = self._agent
            session.cookies.set_policy(_NO_COOKIES)
            adapter = GuardedAdapter(self._allowed, pool_connections=8, pool_maxsize=4)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            self._local.session = session
        return session

    def _once(self, url: str, headers: dict[str, str]) -> requests.Response | Refused:
        """One request, no redirect followed."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return Refused("bad-address", url[:200])
        if parts.username or parts.password:
            return Refused("bad-address", "an address with a password in it")
        try:
            return self._session().get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(self.limits.timeout, self.limits.timeout),
            )
        except requests.exceptions.SSLError as error:
            return Refused("tls", str(error)[:200])
        except requests.exceptions.Timeout:
            return Refused("timeout", "no answer", retry=True)
        except requests.exceptions.ConnectionError as error:
            cause = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(cause, PrivateAddressError) or "private address" in str(error):
                return Refused("private-address", parts.hostname)
            return Refused("connection", type(cause or error).__name__, retry=True)
        except (requests.exceptions.RequestException, HTTPError, ValueError) as error:
            return Refused("bad-address", str(error)[:200])

    def _status(self, response: requests.Response) -> Refused | None:
        code = response.status_code
        if code in (200, 206):
            return None
        after = retry_after(response.headers.get("Retry-After"))
        return Refused(f"http-{code}", retry=code in TRANSIENT, after=after)

    @contextmanager
    def _open(
        self, url: str, headers: dict[str, str], held: str | None, gated: bool
    ) -> Iterator[tuple[requests.Response | Refused, str]]:
        """Follow redirects, each checked anew; yields (answer, its address).

        `held`: an address whose host's slot the caller holds; "": no slots are asked for.
        `gated`: robots.txt counts.
        """
        for _ in range(REDIRECTS + 1):
            if gated and (refused := self.forbidden(url)):
                yield refused, url
                return
            free = held == "" or (held and self.hosts.together(held, url))
            with nullcontext(True) if free else self._wait(url, held) as acquired:
                if not acquired:
                    yield Refused("busy", origin(url), retry=True), url
                    return
                answer = self._once(url, headers)
                if isinstance(answer, Refused):
                    yield answer, url
                    return
                with answer:
                    location = answer.headers.get("Location")
                    if not (answer.is_redirect and location):
                        yield answer, url
                        return
            target = urljoin(url, location)
            if "photo_unavailable" in target:  # how Flickr says that a photo is gone
                yield Refused("gone", target[:200]), url
                return
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                yield Refused("downgrade", target[:200]), url
                return
            url = target
        yield Refused("redirects", f"more than {REDIRECTS}"), url

    def _wait(self, url: str, held: str | None) -> AbstractContextManager[bool]:
        # Whoever holds one slot waits for another only so long: two might wait for each other.
        return self.hosts.slot(url, self.limits.timeout if held else None)

    # ---- what sites say

    def rules(self, url: str) -> tuple[Robots, Reservations]:
        """robots.txt and TDM reservations of an address's origin; asked for once."""
        place = origin(url)
        with self._lock:
            lock = self._rules_locks.setdefault(place, threading.Lock())
        with lock:
            if place not in self._rules:
                robots = Robots(self._small(f"{place}/robots.txt", ROBOTS_BYTES))
                tdm = self._small(f"{place}/.well-known/tdmrep.json", 1 << 20)
                self.hosts.crawl_delay(url, robots.delay)
                self._rules[place] = robots, Reservations(tdm or "")
            return self._rules[place]

    def _small(self, url: str, most: int) -> str | None:
        """A small text, "" where the host has none (4xx), None where it cannot be reached."""
        for attempt in range(2):
            with self._open(url, {}, held="", gated=False) as (answer, _):
                if isinstance(answer, requests.Response):
                    if answer.status_code in (200, 206):
                        try:
                            data = answer.raw.read(most, decode_content=True)
                        except (HTTPError, OSError):
                            return None
                        return bytes(data).decode("utf-8", "replace")
                    if 400 <= answer.status_code < 500 and answer.status_code != 429:
                        return ""
            if attempt == 0:
                time.sleep(self.backoff(0))
        return None

    def forbidden(self, url: str) -> Refused | None:
        """Why robots.txt keeps an address from us, or None."""
        if urlsplit(url).scheme not in ("http", "https"):
            return Refused("bad-address", url[:200])
        robots, _ = self.rules(url)
        if not robots.reachable:
            return Refused("robots-unreachable", origin(url), retry=True)
        return None if robots.allows(url) else Refused("robots", "robots.txt disallows it")

    def _opted_out(self, response: requests.Response, url: str) -> Refused | None:
        if tag := blocked_by_tags(response.raw.headers.getlist("X-Robots-Tag")):
            return Refused("opt-out", f"X-Robots-Tag: {tag}")
        _, reservations = self.rules(url)
        if reservations.reserved(url, response.headers.get("tdm-reservation")):
            return Refused("opt-out", "text and data mining is reserved")
        return None

    # ---- what callers ask for

    def backoff(self, attempt: int) -> float:
        """Seconds before the next attempt: doubling, capped at a minute, with jitter."""
        return min(60.0, self.limits.backoff * 2.0**attempt) * random.uniform(0.5, 1.0)

    def page(self, url: str) -> BeautifulSoup | Refused:
        """A web page that lets itself be read by robots; opt-outs in its meta tags included."""
        refused = Refused("connection")
        for attempt in range(self.limits.attempts):
            with self._open(url, {"Accept": "text/html"}, held=None, gated=True) as (answer, at):
                if isinstance(answer, Refused):
                    refused = answer
                elif (status := self._status(answer)) or (status := self._opted_out(answer, at)):
                    refused = status
                else:
                    data = answer.raw.read(PAGE_BYTES, decode_content=True)
                    soup = BeautifulSoup(data, "html.parser")
                    lines, reservation = meta_tags(soup)
                    if tag := blocked_by_tags(lines):
                        return Refused("opt-out", f"meta robots: {tag}")
                    if self.rules(at)[1].reserved(
                        at, answer.headers.get("tdm-reservation"), reservation
                    ):
                        return Refused("opt-out", "text and data mining is reserved")
                    return soup
            if not refused.retry or not self._pause(url, attempt, refused.after):
                break
        return refused

    def _pause(self, url: str, attempt: int, after: float | None) -> bool:
        """Wait before another attempt; False where the host asks for too long a wait."""
        wait = self.backoff(attempt) if after is None else after
        if wait > self.limits.longest_wait or attempt + 1 >= self.limits.attempts:
            return False
        self.hosts.hold(url, wait)
        return True

    def json(
        self,
        url: str,
        parameters: dict[str, Any],
        headers: dict[str, str] | None = None,
        retry: Any = None,
        secret: tuple[str, ...] = (),
    ) -> Any:
        """The JSON of an API, kept on the disk for a day, so that a resumed search asks nothing.

        `retry(reply)` says which replies mean "later" (True, or seconds). Names in `secret` (keys)
        are left out of what is kept. Raises SourceError.
        """
        prepared = requests.Request("GET", url, params=parameters).prepare().url
        public = {name: value for name, value in parameters.items() if name not in secret}
        kept = requests.Request("GET", url, params=public).prepare().url
        assert prepared is not None
        assert kept is not None
        if (known := self.replies.get(kept)) is not None:
            return known
        problem = ""
        for attempt in range(self.limits.attempts):
            after: float | None = None
            with self._open(prepared, headers or {}, held=None, gated=False) as (answer, _):
                if isinstance(answer, Refused):
                    problem, again = f"{answer.reason} {answer.detail}".strip(), answer.retry
                else:
                    after = retry_after(answer.headers.get("Retry-After"))
                    text = answer.raw.read(PAGE_BYTES, decode_content=True)
                    status = self._status(answer)
                    try:
                        reply = json.loads(text)
                    except ValueError:
                        reply = None
                    again = bool(status and status.retry)
                    if status is None and reply is not None:
                        wait = retry(reply) if retry else False
                        if not wait:
                            self.replies.put(kept, reply)
                            return reply
                        after = after if wait is True else float(wait)
                        again = True
                    summary = bytes(text[:200]).decode("utf-8", "replace")
                    problem = f"HTTP {answer.status_code}: {' '.join(summary.split())}"
            if not again or not self._pause(url, attempt, after):
                break
        host = urlsplit(url).hostname
        raise SourceError(f"{host} answered {problem}")

    def download(
        self,
        url: str,
        part: Path,
        known: Started | None = None,
        on_start: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Downloaded | Refused:
        """One attempt to fetch a file into `part`; the caller holds its host's slot.

        `known` is what an earlier attempt noted by `on_start(Started)`: a part file goes on where
        it ended, if the file is still the same one. A broken body leaves its part behind.
        """
        have = part.stat().st_size if part.exists() else 0
        if known and have and known.length == have:
            return Downloaded(url, 0, known.etag, have)
        asked = {"Accept-Encoding": "identity", **(headers or {})}
        if have and known and known.etag:
            asked |= {"Range": f"bytes={have}-", "If-Range": known.etag}
        with self._open(url, asked, held=url, gated=True) as (answer, at):
            if isinstance(answer, Refused):
                return answer
            if answer.status_code == 416:
                part.unlink(missing_ok=True)
                return Refused("range", "the part kept does not fit any more", retry=True)
            refused = self._status(answer) or self._opted_out(answer, at)
            if refused:
                return refused
            return self._receive(answer, at, part, have, on_start)

    def _receive(
        self, answer: requests.Response, url: str, part: Path, have: int, on_start: Any
    ) -> Downloaded | Refused:
        start = 0
        if answer.status_code == 206:
            given = answer.headers.get("Content-Range", "")
            if not given.startswith(f"bytes {have}-"):
                part.unlink(missing_ok=True)
                return Refused("range", f"asked from {have}, got {given[:60]!r}", retry=True)
            start = have
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            return Refused("encoding", answer.headers["Content-Encoding"])
        stated = answer.headers.get("Content-Length", "")
        length = start + int(stated) if stated.isdecimal() else 0
        most = self.limits.max_bytes
        if length > most:
            return Refused("too-many-bytes", f"{length:,}, at most {most:,}")
        tag = answer.headers.get("ETag", "")
        # If-Range takes strong validators alone (RFC 9110, section 13.1.5).
        etag = answer.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        if on_start:
            on_start(Started(etag, length))
        received, total = 0, start
        began = time.monotonic()
        try:
            with part.open("ab" if start else "wb") as file:
                while chunk := answer.raw.read1(CHUNK, decode_content=False):
                    file.write(chunk)
                    received += len(chunk)
                    total += len(chunk)
                    if total > most:
                        break
                    passed = time.monotonic() - began
                    if passed > self.limits.deadline or (
                        passed > 10 and received < SLOWEST * passed
                    ):
                        return Refused("slow", f"{received:,} bytes in {passed:.0f} s", retry=True)
        except TimeoutError:
            return Refused("timeout", f"after {total:,} bytes", retry=True)
        except (HTTPError, OSError) as error:
            reason = "timeout" if "timed out" in str(error) else "truncated"
            return Refused(reason, f"{total:,} of {length or '?'} bytes", retry=True)
        if total > most:
            part.unlink(missing_ok=True)
            return Refused("too-many-bytes", f"more than {most:,}")
        if length and total < length:
            return Refused("truncated", f"{total:,} of {length:,} bytes", retry=True)
        return Downloaded(url, received, etag, total)
