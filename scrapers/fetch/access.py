"""One polite request: rate limits, robots.txt, opt-outs, checked redirects.

Every request identifies us, obeys the host's rate limit, robots.txt and opt-outs, only connects to
public addresses, and always verifies TLS.
"""

import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from scrapers.fetch.answers import FetchError
from scrapers.fetch.deadlines import Deadlines
from scrapers.fetch.rate_limits import RateLimits, origin
from scrapers.fetch.robots import (
    ROBOTS_BYTES,
    TOKEN,
    TRAINING_BOTS,
    Reservations,
    Robots,
    blocked_by_tags,
)
from scrapers.fetch.ssrf_guard import GuardedAdapter, PrivateAddressError
from scrapers.recipe import Limits

REDIRECTS = 5
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])


def canonical(url: str) -> str:
    """A URL as it will be requested: dot segments resolved, no empty first segments.

    Checked is what is asked for: `/a/../b` and `//b` are `/b` to robots.txt too. Raises ValueError
    for what is no address.
    """
    try:
        prepared = requests.Request("GET", url).prepare().url or url
    except (requests.exceptions.RequestException, UnicodeError) as error:
        raise ValueError(str(error)) from None
    parts = urlsplit(prepared)
    return urlunsplit(parts._replace(path=f"/{parts.path.lstrip('/')}", fragment=""))


def among(url: str, hosts: Collection[str]) -> bool:
    """Whether a URL's host is one of these, or below one."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == name.lower() or host.endswith(f".{name.lower()}") for name in hosts)


def user_agent(contact: str) -> str:
    """Name, version and contact."""
    return f"{TOKEN}/1.0 ({contact}) requests/{version('requests')}"


class Access:
    """One per run; thread-safe."""

    def __init__(self, contact: str, limits: Limits, allowed_addresses: Collection[str]) -> None:
        self.limits = limits
        self.rate_limits = RateLimits(limits.rate, limits.concurrency, limits.longest_wait)
        self.deadlines = Deadlines()
        self._agent = user_agent(contact)
        self._allowed = frozenset(allowed_addresses)
        self._local = threading.local()
        self._site_rules: dict[str, tuple[Robots, Reservations]] = {}
        self._site_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def backoff(self, attempt: int) -> float:
        """Seconds before the next attempt: exponential, capped at a minute, with jitter."""
        return min(60.0, self.limits.backoff * 2.0**attempt) * random.uniform(0.5, 1.0)

    def session(self) -> requests.Session:
        """This thread's session, without cookies."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no netrc, and no proxy: it would bypass the address check
            session.headers["User-Agent"] = self._agent
            session.cookies.set_policy(_NO_COOKIES)
            adapter = GuardedAdapter(
                self._allowed, self.deadlines, pool_connections=8, pool_maxsize=4
            )
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            self._local.session = session
        return session

    def close(self) -> None:
        """End every request and every wait, now."""
        self.rate_limits.stop()
        self.deadlines.stop()

    def late(self) -> FetchError | None:
        """The error of a request of this thread whose deadline has passed, or None."""
        deadline = self.deadlines.current
        if deadline is None or not deadline.expired:
            return None
        return FetchError("slow", "not complete at its deadline", retry=True)

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response | FetchError:
        """One GET, without following redirects."""
        response = self._try_get(url, headers)
        return self.late() or response if isinstance(response, FetchError) else response

    def _try_get(self, url: str, headers: dict[str, str]) -> requests.Response | FetchError:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return FetchError("bad-address", url[:200])
        if parts.username or parts.password:
            return FetchError("bad-address", "URL with credentials")
        try:
            return self.session().get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(self.limits.timeout, self.limits.timeout),
            )
        except requests.exceptions.SSLError as error:
            return FetchError("tls", str(error)[:200])
        except requests.exceptions.Timeout:
            return FetchError("timeout", "no response", retry=True)
        except requests.exceptions.ConnectionError as error:
            cause = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(cause, PrivateAddressError) or "private address" in str(error):
                return FetchError("private-address", parts.hostname)
            return FetchError("connection", type(cause or error).__name__, retry=True)
        except (requests.exceptions.RequestException, HTTPError, ValueError) as error:
            return FetchError("bad-address", str(error)[:200])

    @contextmanager
    def open(
        self,
        url: str,
        headers: dict[str, str],
        held: str | None,
        check_robots: bool,
        hosts: Collection[str] = (),
    ) -> Iterator[tuple[requests.Response | FetchError, str]]:
        """Follow redirects, checking each; yields (response or error, its URL).

        Each request, its body included, has `limits.deadline` seconds.

        Args:
            url: what to request.
            headers: extra request headers.
            held: a URL whose host slot the caller holds; "": use no slots.
            check_robots: obey robots.txt.
            hosts: the only hosts to visit, with their subdomains; none: all.
        """
        for _ in range(REDIRECTS + 1):
            try:
                url = canonical(url)
                origin(url)
            except ValueError as wrong:
                yield FetchError("bad-address", str(wrong)[:200]), url
                return
            if hosts and not among(url, hosts):
                yield FetchError("other-host", f"{urlsplit(url).hostname} is not in `hosts`"), url
                return
            if check_robots and (error := self.robots_error(url)):
                yield error, url
                return
            if reason := self.rate_limits.held(url):  # perhaps since its robots.txt was read
                yield FetchError(reason, origin(url), retry=True, url=url), url
                return
            free = held == "" or (held and self.rate_limits.same_group(held, url))
            # With a timeout if a slot is already held: two holders could wait for each other.
            slot = self.rate_limits.slot(url, self.limits.timeout if held else None)
            with nullcontext(True) if free else slot as acquired:
                if not acquired:
                    reason = self.rate_limits.held(url)
                    yield FetchError(reason or "busy", origin(url), retry=True, url=url), url
                    return
                with self.deadlines.limit(self.limits.deadline):
                    response = self._get(url, headers)
                    if isinstance(response, FetchError):
                        yield response, url
                        return
                    with response:
                        location = response.headers.get("Location")
                        if not (response.is_redirect and location):
                            yield response, url
                            return
            target = urljoin(url, location)
            if "photo_unavailable" in target:  # Flickr's redirect for deleted photos
                yield FetchError("gone", target[:200]), url
                return
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                yield FetchError("downgrade", target[:200]), url
                return
            url = target
        yield FetchError("redirects", f"more than {REDIRECTS}"), url

    def site_rules(self, url: str) -> tuple[Robots, Reservations]:
        """robots.txt and TDM reservations of a URL's origin; fetched once."""
        site = origin(url)
        with self._lock:
            lock = self._site_locks.setdefault(site, threading.Lock())
        with lock:
            if site not in self._site_rules:
                bots = TRAINING_BOTS if self.limits.training_bans else ()
                robots = Robots(self._fetch_text(f"{site}/robots.txt", ROBOTS_BYTES), bots)
                tdm = self._fetch_text(f"{site}/.well-known/tdmrep.json", 1 << 20)
                self.rate_limits.set_crawl_delay(url, robots.delay)
                self._site_rules[site] = robots, Reservations(tdm or "")
            return self._site_rules[site]

    def _fetch_text(self, url: str, max_bytes: int) -> str | None:
        """A small text file; "" if missing (4xx), None if unreachable."""
        for attempt in range(2):
            with self.open(url, {}, held="", check_robots=False) as (response, _):
                if isinstance(response, requests.Response):
                    if response.status_code in (200, 206):
                        try:
                            data = response.raw.read(max_bytes, decode_content=True)
                        except (HTTPError, OSError):
                            return None
                        return None if self.late() else bytes(data).decode("utf-8", "replace")
                    if 400 <= response.status_code < 500 and response.status_code != 429:
                        return ""
                elif response.reason == "slow":
                    return None
            if attempt == 0:
                time.sleep(self.backoff(0))
        return None

    def robots_error(self, url: str) -> FetchError | None:
        """Why robots.txt disallows a URL, or None."""
        if urlsplit(url).scheme not in ("http", "https"):
            return FetchError("bad-address", url[:200])
        robots, _ = self.site_rules(url)
        if not robots.reachable:
            return FetchError("robots-unreachable", origin(url), retry=True)
        if bot := robots.banned_as(url):
            return FetchError("robots", f"robots.txt disallows it to {bot}")
        return None

    def site_error(self, url: str) -> FetchError | None:
        """Why a site bars a URL without asking for it: robots.txt and its reservations."""
        try:
            url = canonical(url)
        except ValueError as wrong:
            return FetchError("bad-address", str(wrong)[:200])
        if error := self.robots_error(url):
            return error
        if self.site_rules(url)[1].reserved(url):
            return FetchError("opt-out", "text and data mining is reserved")
        return None

    def opt_out_error(self, response: requests.Response, url: str) -> FetchError | None:
        """Why the response headers, or the site's reservations, opt out, or None."""
        if tag := blocked_by_tags(response.raw.headers.getlist("X-Robots-Tag")):
            return FetchError("opt-out", f"X-Robots-Tag: {tag}")
        _, reservations = self.site_rules(url)
        if reservations.reserved(url, response.headers.get("tdm-reservation")):
            return FetchError("opt-out", "text and data mining is reserved")
        return None
