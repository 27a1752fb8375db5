"""A polite HTTP client. What goes wrong is a value (`Refused`) that callers count.

It reads pages, asks APIs, and fetches files, resuming what broke off. How it behaves towards sites
is `Access`.
"""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from bs4 import BeautifulSoup
from urllib3.exceptions import HTTPError

from scrapers.errors import SourceError
from scrapers.fetch.access import Access, Refused, failure, retry_after
from scrapers.fetch.response_cache import Replies
from scrapers.fetch.robots import blocked_by_tags, meta_tags
from scrapers.recipe import Limits

PAGE_BYTES = 10_000_000
CHUNK = 1 << 16
HTML = {"Accept": "text/html"}
# Below this many bytes per second, after ten seconds, a download is a drip.
SLOWEST = 1000


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
        self.access = Access(contact, limits, allowed_addresses)
        self.replies = Replies(replies)

    def page(self, url: str) -> BeautifulSoup | Refused:
        """A web page that lets itself be read by robots; opt-outs in its meta tags included."""
        refused = Refused("connection")
        for attempt in range(self.limits.attempts):
            with self.access.open(url, HTML, held=None, gated=True) as (answer, at):
                if isinstance(answer, Refused):
                    refused = answer
                elif (status := failure(answer)) or (status := self.access.opted_out(answer, at)):
                    refused = status
                else:
                    data = answer.raw.read(PAGE_BYTES, decode_content=True)
                    soup = BeautifulSoup(data, "html.parser")
                    lines, reservation = meta_tags(soup)
                    if tag := blocked_by_tags(lines):
                        return Refused("opt-out", f"meta robots: {tag}")
                    if self.access.rules(at)[1].reserved(
                        at, answer.headers.get("tdm-reservation"), reservation
                    ):
                        return Refused("opt-out", "text and data mining is reserved")
                    return soup
            if not refused.retry or not self._pause(url, attempt, refused.after):
                break
        return refused

    def _pause(self, url: str, attempt: int, after: float | None) -> bool:
        """Wait before another attempt; False where the host asks for too long a wait."""
        wait = self.access.backoff(attempt) if after is None else after
        if wait > self.limits.longest_wait or attempt + 1 >= self.limits.attempts:
            return False
        self.access.hosts.hold(url, wait)
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
            with self.access.open(prepared, headers or {}, held=None, gated=False) as (answer, _):
                if isinstance(answer, Refused):
                    problem, again = f"{answer.reason} {answer.detail}".strip(), answer.retry
                else:
                    after = retry_after(answer.headers.get("Retry-After"))
                    text = answer.raw.read(PAGE_BYTES, decode_content=True)
                    status = failure(answer)
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
    ) -> Downloaded | Refused:
        """One attempt to fetch a file into `part`; the caller holds its host's slot.

        `known` is what an earlier attempt noted by `on_start(Started)`: a part file goes on where
        it ended, if the file is still the same one. A broken body leaves its part behind.
        """
        have = part.stat().st_size if part.exists() else 0
        if known and have and known.length == have:
            return Downloaded(url, 0, known.etag, have)
        asked = {"Accept-Encoding": "identity"}
        if have and known and known.etag:
            asked |= {"Range": f"bytes={have}-", "If-Range": known.etag}
        with self.access.open(url, asked, held=url, gated=True) as (answer, at):
            if isinstance(answer, Refused):
                return answer
            if answer.status_code == 416:
                part.unlink(missing_ok=True)
                return Refused("range", "the part kept does not fit any more", retry=True)
            refused = failure(answer) or self.access.opted_out(answer, at)
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
