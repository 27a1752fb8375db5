"""Request rate and concurrency per host; known hosts have policies of their own."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class HostPolicy:
    """Limits of one host, or of a group of hosts that share them."""

    group: str
    rate: float  # requests per second
    concurrency: int
    bits: float = 0.0  # per second; 0: unlimited


_WIKIMEDIA = HostPolicy("wikimedia media", 2.0, 2, 25e6)  # robot policy: 2 connections, 25 Mbit/s
_FLICKR = HostPolicy("flickr media", 1.0, 1)  # 429 after a few dozen files at a higher rate
KNOWN = {
    "upload.wikimedia.org": _WIKIMEDIA,
    "thumb.wikimedia.org": _WIKIMEDIA,
    "commons.wikimedia.org": HostPolicy("commons", 2.0, 1),  # its API asks for serial requests
    "api.openverse.org": HostPolicy("openverse", 0.3, 1),  # 20 per minute without a key
    "api.flickr.com": HostPolicy("flickr", 1.0, 1),  # 3,600 per hour and key
    "live.staticflickr.com": _FLICKR,
    "pixabay.com": HostPolicy("pixabay", 1.5, 1),  # 100 per minute
    "cdn.pixabay.com": HostPolicy("pixabay media", 1.0, 1),
}
# Consecutive failures after which a host is skipped until the next run (a circuit breaker).
OPEN_AFTER = 8


def origin(url: str) -> str:
    """scheme://host:port, the unit of robots.txt. Raises ValueError for what is no address."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = (parts.hostname or "").lower()
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass
class _HostState:
    policy: HostPolicy
    next_time: float = 0.0
    active: int = 0
    failures: int = 0
    delay: float = 0.0  # robots.txt's Crawl-delay
    robots_read: bool = False  # until then, one request at a time
    held_until: float = 0.0
    held_for: str = ""  # why

    @property
    def max_active(self) -> int:
        return self.policy.concurrency if self.robots_read and not self.delay else 1


class RateLimits:
    """Rates and concurrency of all hosts; one lock, and nothing sleeps while holding it.

    A host that asks for a longer wait than `longest_wait` seconds is held: no more requests.
    """

    def __init__(self, rate: float, concurrency: int, longest_wait: float = 300.0) -> None:
        self.rate, self.concurrency, self.longest_wait = rate, concurrency, longest_wait
        self._stopped = False
        self._hosts: dict[str, _HostState] = {}
        self._condition = threading.Condition()

    def _host(self, url: str) -> _HostState:
        known = KNOWN.get(urlsplit(url).hostname or "")
        key = known.group if known else origin(url)
        host = self._hosts.get(key)
        if host is None:
            host = _HostState(known or HostPolicy(key, self.rate, self.concurrency))
            self._hosts[key] = host
        return host

    def try_acquire(self, url: str) -> float:
        """0 if a slot was acquired (`release` it); else the seconds to wait before trying again."""
        with self._condition:
            return self._try(self._host(url))

    def _try(self, host: _HostState) -> float:
        now = time.monotonic()
        if self._held(host, now):
            host.active += 1  # nothing will be asked: whoever got the slot sees why
            return 0.0
        if host.active >= host.max_active:
            return 0.5  # a release wakes waiters earlier
        if now < host.next_time:
            return host.next_time - now
        interval = max(1 / host.policy.rate if host.policy.rate else 0.0, host.delay)
        host.next_time = now + interval
        host.active += 1
        return 0.0

    def release(self, url: str, received: int = 0) -> None:
        """Release a slot; `received` bytes count against a bandwidth limit."""
        with self._condition:
            host = self._host(url)
            host.active -= 1
            if host.policy.bits:
                busy = received * 8 / host.policy.bits
                host.next_time = max(host.next_time, time.monotonic() + busy)
            self._condition.notify_all()

    @contextmanager
    def slot(self, url: str, timeout: float | None = None) -> Iterator[bool]:
        """Wait for a slot and hold it; yields False after `timeout` seconds without one."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            host = self._host(url)
            while wait := self._try(host):
                if self._stopped or (end is not None and time.monotonic() > end):
                    break
                self._condition.wait(wait)
        try:
            yield wait == 0 and not self.held(url)
        finally:
            if wait == 0:
                self.release(url)

    def stop(self) -> None:
        """End every wait for a slot."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def same_group(self, one: str, other: str) -> bool:
        """Whether two URLs share their slots."""
        with self._condition:
            return self._host(one) is self._host(other)

    def pause(self, url: str, seconds: float) -> None:
        """Send a host nothing for some seconds (Retry-After, backoff); hold it if that is long."""
        with self._condition:
            host, now = self._host(url), time.monotonic()
            if seconds > self.longest_wait:
                host.held_until = max(host.held_until, now + seconds)
                host.held_for = f"asks to wait {seconds:,.0f} s"
            else:
                host.next_time = max(host.next_time, now + seconds)
            self._condition.notify_all()

    def set_crawl_delay(self, url: str, seconds: float) -> None:
        """Apply robots.txt: this many seconds between requests (0: none), one at a time."""
        with self._condition:
            host = self._host(url)
            host.robots_read = True
            if seconds > self.longest_wait:
                host.held_until = math.inf
                host.held_for = f"asks for {seconds:,.0f} s between requests (robots.txt)"
            else:
                host.delay = max(host.delay, seconds)
                host.next_time = max(host.next_time, time.monotonic() + seconds)
            self._condition.notify_all()

    def report(self, url: str, failed: bool) -> None:
        """Count consecutive failures."""
        with self._condition:
            host = self._host(url)
            host.failures = host.failures + 1 if failed else 0

    def held(self, url: str) -> str:
        """Why a host is asked nothing more in this run; "" if it may be asked.

        It wants a long wait, or its circuit is open: too many consecutive failures.
        """
        with self._condition:
            return self._held(self._host(url), time.monotonic())

    def _held(self, host: _HostState, now: float) -> str:
        if now < host.held_until:
            return f"host {host.held_for}"
        return "host skipped after repeated failures" if host.failures >= OPEN_AFTER else ""
