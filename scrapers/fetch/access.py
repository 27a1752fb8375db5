"""Who may be asked, and how: requests that follow redirects and obey what sites say.

Every request says who asks, keeps the host's rate, obeys robots.txt and opt-outs, never leaves the
open internet, and never turns TLS verification off.
"""

import email.utils
import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from scrapers.fetch.rate_limits import Hosts, origin
from scrapers.fetch.robots import ROBOTS_BYTES, TOKEN, Reservations, Robots, blocked_by_tags
from scrapers.fetch.ssrf_guard import GuardedAdapter, PrivateAddressError
from scrapers.recipe import Limits

REDIRECTS = 5
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])


@dataclass(frozen=True)
class Refused:
    """Why an address gave nothing. `retry`: it may give it later; `after`: not before, seconds."""

    reason: str
    detail: str = ""
    retry: bool = False
    after: float | None = None


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


def failure(response: requests.Response) -> Refused | None:
    """What an answer's status says against it."""
    code = response.status_code
    if code in (200, 206):
        return None
    after = retry_after(response.headers.get("Retry-After"))
    return Refused(f"http-{code}", retry=code in TRANSIENT, after=after)


class Access:
    """One per run; used by many threads."""

    def __init__(self, contact: str, limits: Limits, allowed_addresses: Collection[str]) -> None:
        self.limits = limits
        self.hosts = Hosts(limits.rate, limits.concurrency)
        self._agent = user_agent(contact)
        self._allowed = frozenset(allowed_addresses)
        self._local = threading.local()
        self._rules: dict[str, tuple[Robots, Reservations]] = {}
        self._rules_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def backoff(self, attempt: int) -> float:
        """Seconds before the next attempt: doubling, capped at a minute, with jitter."""
        return min(60.0, self.limits.backoff * 2.0**attempt) * random.uniform(0.5, 1.0)

    def session(self) -> requests.Session:
        """This thread's own; no cookies."""
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
            return self.session().get(
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

    @contextmanager
    def open(
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
            with self.open(url, {}, held="", gated=False) as (answer, _):
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

    def opted_out(self, response: requests.Response, url: str) -> Refused | None:
        """Why an answer's own headers, or its site's reservations, keep it from us, or None."""
        if tag := blocked_by_tags(response.raw.headers.getlist("X-Robots-Tag")):
            return Refused("opt-out", f"X-Robots-Tag: {tag}")
        _, reservations = self.rules(url)
        if reservations.reserved(url, response.headers.get("tdm-reservation")):
            return Refused("opt-out", "text and data mining is reserved")
        return None
