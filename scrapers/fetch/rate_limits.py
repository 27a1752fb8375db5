"""How often, and how many at a time, a host may be asked; known hosts have rules of their own."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Manners:
    """What one host, or a group of hosts, is asked at most."""

    group: str
    rate: float  # requests per second
    concurrency: int
    bits: float = 0.0  # per second; 0: no bound


_WIKIMEDIA = Manners("wikimedia media", 2.0, 2, 25e6)  # its robot policy: 2 at a time, 25 Mbit/s
_FLICKR = Manners("flickr media", 1.0, 1)  # 429 after some dozens of files when hurried
KNOWN = {
    "upload.wikimedia.org": _WIKIMEDIA,
    "thumb.wikimedia.org": _WIKIMEDIA,
    "commons.wikimedia.org": Manners("commons", 2.0, 1),  # its API asks for serial requests
    "api.openverse.org": Manners("openverse", 0.3, 1),  # 20 a minute without a key
    "api.flickr.com": Manners("flickr", 1.0, 1),  # 3,600 an hour and key
    "live.staticflickr.com": _FLICKR,
    "pixabay.com": Manners("pixabay", 1.5, 1),  # 100 in 60 seconds
    "cdn.pixabay.com": Manners("pixabay media", 1.0, 1),
}
# Refusals in a row after which a host is left alone until the next run.
GIVEN_UP_AFTER = 8


def origin(url: str) -> str:
    """scheme://host:port, the unit of robots.txt."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


@dataclass
class _Host:
    manners: Manners
    next_time: float = 0.0
    active: int = 0
    failures: int = 0
    delay: float = 0.0  # robots.txt's Crawl-delay
    known: bool = False  # whether robots.txt was read; one request at a time until then

    @property
    def room(self) -> int:
        return self.manners.concurrency if self.known and not self.delay else 1


class Hosts:
    """Rates and concurrency of all hosts; one lock, nothing sleeps while holding it."""

    def __init__(self, rate: float, concurrency: int) -> None:
        self.rate, self.concurrency = rate, concurrency
        self._hosts: dict[str, _Host] = {}
        self._condition = threading.Condition()

    def _host(self, url: str) -> _Host:
        place = origin(url)
        known = KNOWN.get(urlsplit(url).hostname or "")
        key = known.group if known else place
        host = self._hosts.get(key)
        if host is None:
            host = _Host(known or Manners(place, self.rate, self.concurrency))
            self._hosts[key] = host
        return host

    def try_acquire(self, url: str) -> float:
        """0 where a slot was taken (`release` it); else the seconds after which to ask again."""
        with self._condition:
            return self._try(self._host(url))

    def _try(self, host: _Host) -> float:
        now = time.monotonic()
        if host.active >= host.room:
            return 0.5  # a release wakes whoever waits before that
        if now < host.next_time:
            return host.next_time - now
        interval = max(1 / host.manners.rate if host.manners.rate else 0.0, host.delay)
        host.next_time = now + interval
        host.active += 1
        return 0.0

    def release(self, url: str, received: int = 0) -> None:
        """Give a slot back; `received` bytes count against a bound on bandwidth."""
        with self._condition:
            host = self._host(url)
            host.active -= 1
            if host.manners.bits:
                busy = received * 8 / host.manners.bits
                host.next_time = max(host.next_time, time.monotonic() + busy)
            self._condition.notify_all()

    @contextmanager
    def slot(self, url: str, patience: float | None = None) -> Iterator[bool]:
        """Wait for a slot and hold it; yields False where patience (seconds) ended first."""
        end = None if patience is None else time.monotonic() + patience
        with self._condition:
            host = self._host(url)
            while wait := self._try(host):
                if end is not None and time.monotonic() > end:
                    break
                self._condition.wait(wait)
        try:
            yield wait == 0
        finally:
            if wait == 0:
                self.release(url)

    def together(self, one: str, other: str) -> bool:
        """Whether two addresses share their slots."""
        with self._condition:
            return self._host(one) is self._host(other)

    def hold(self, url: str, seconds: float) -> None:
        """Leave a host alone for so long (Retry-After, backoff)."""
        with self._condition:
            host = self._host(url)
            host.next_time = max(host.next_time, time.monotonic() + seconds)

    def crawl_delay(self, url: str, seconds: float) -> None:
        """What robots.txt asks for: so many seconds between two requests, one at a time."""
        with self._condition:
            host = self._host(url)
            host.delay, host.known = max(host.delay, seconds), True
            host.next_time = max(host.next_time, time.monotonic() + seconds)
            self._condition.notify_all()

    def report(self, url: str, failed: bool) -> None:
        """Count failures in a row."""
        with self._condition:
            host = self._host(url)
            host.failures = host.failures + 1 if failed else 0

    def given_up(self, url: str) -> bool:
        """Whether a host failed so often in a row that it is left alone."""
        with self._condition:
            return self._host(url).failures >= GIVEN_UP_AFTER
