"""An HTTP client for pages, JSON APIs and resumable downloads.

Failures are values (`FetchError`) that callers count; politeness is `Access`'s job.
"""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from bs4 import BeautifulSoup
from urllib3.exceptions import HTTPError

from scrapers.errors import SourceError
from scrapers.fetch.access import Access
from scrapers.fetch.answers import FetchError, retry_after, status_error
from scrapers.fetch.response_cache import ResponseCache
from scrapers.fetch.robots import blocked_by_tags, meta_tags
from scrapers.recipe import Limits

PAGE_BYTES = 10_000_000
CHUNK = 1 << 16
HTML = {"Accept": "text/html"}
# Minimum bytes per second, checked after ten seconds.
MIN_SPEED = 1000


@dataclass(frozen=True)
class Downloaded:
    """A complete file: its final URL, and how many bytes this attempt received."""

    url: str
    received: int
    etag: str
    length: int


@dataclass(frozen=True)
class Document:
    """A page or sitemap as it arrived: bytes, final URL, its tdm-reservation header."""

    data: bytes
    url: str
    reserved: str | None


@dataclass(frozen=True)
class Page:
    """A parsed web page and the URL that it came from in the end."""

    document: BeautifulSoup
    url: str


@dataclass(frozen=True)
class PartialDownload:
    """Response headers of an unfinished download, recorded so that it can resume."""

    etag: str
    length: int


class Client:
    """One per run; thread-safe."""

    def __init__(
        self,
        contact: str,
        limits: Limits,
        cache: Path | None = None,
        allowed_addresses: Collection[str] = (),
    ) -> None:
        self.limits = limits
        self.access = Access(contact, limits, allowed_addresses)
        self.cache = ResponseCache(cache)

    def page(self, url: str, hosts: Collection[str] = ()) -> Page | FetchError:
        """Fetch a web page, obeying robots.txt and its meta opt-outs.

        Args:
            url: the page.
            hosts: the only hosts to visit, redirects included; none: all.
        """
        found = self.document(url, HTML, hosts)
        if isinstance(found, FetchError):
            return found
        document = BeautifulSoup(found.data, "html.parser")
        lines, reservation = meta_tags(document)
        if tag := blocked_by_tags(lines):
            return FetchError("opt-out", f"meta robots: {tag}")
        if self.access.site_rules(found.url)[1].reserved(found.url, found.reserved, reservation):
            return FetchError("opt-out", "text and data mining is reserved")
        return Page(document, found.url)

    def document(
        self, url: str, headers: dict[str, str], hosts: Collection[str] = ()
    ) -> Document | FetchError:
        """Fetch a page or a sitemap, of at most 10 MB, obeying robots.txt and opt-outs."""
        error = FetchError("connection")
        at = url
        for attempt in range(self.limits.attempts):
            with self.access.open(url, headers, None, True, hosts) as (response, found_at):
                at = found_at
                if isinstance(response, FetchError):
                    error = response
                elif found := status_error(response) or self.access.opt_out_error(response, at):
                    error = found
                else:
                    data = self._body(response)
                    if isinstance(data, bytes):
                        self.access.rate_limits.report(at, failed=False)
                        return Document(data, at, response.headers.get("tdm-reservation"))
                    error = data
            if error.retry:
                self.access.rate_limits.report(at, failed=True)
            if not error.retry or not self._pause(at, attempt, error.after):
                break
        held = self.access.rate_limits.held(at) if error.retry else ""
        return FetchError(error.reason, held or error.detail)

    def _body(self, response: requests.Response) -> bytes | FetchError:
        """The body of a response, or why it did not arrive."""
        try:
            data = bytes(response.raw.read(PAGE_BYTES, decode_content=True))
        except (HTTPError, OSError) as error:
            return self.access.late() or FetchError("truncated", type(error).__name__, retry=True)
        return self.access.late() or data

    def _pause(self, url: str, attempt: int, after: float | None) -> bool:
        """Pause the host before the next attempt; False to give up instead."""
        wait = self.access.backoff(attempt) if after is None else after
        self.access.rate_limits.pause(url, wait)  # a long one holds the host
        return wait <= self.limits.longest_wait and attempt + 1 < self.limits.attempts

    def close(self) -> None:
        """End every request and every wait, now."""
        self.access.close()

    def json(
        self,
        url: str,
        parameters: dict[str, Any],
        headers: dict[str, str] | None = None,
        retry: Any = None,
        secret: tuple[str, ...] = (),
    ) -> Any:
        """GET JSON from an API, cached on disk for a day so that a resumed search is free.

        Args:
            url: the endpoint.
            parameters: its query.
            headers: extra request headers.
            retry: `retry(reply)` is True, or seconds, for a reply that means "try later".
            secret: names of parameters (API keys) that are never written to the cache.

        Raises SourceError.
        """
        prepared = requests.Request("GET", url, params=parameters).prepare().url
        public = {name: value for name, value in parameters.items() if name not in secret}
        kept = requests.Request("GET", url, params=public).prepare().url
        assert prepared is not None
        assert kept is not None
        if (known := self.cache.get(kept)) is not None:
            return known
        problem = ""
        for attempt in range(self.limits.attempts):
            after: float | None = None
            with self.access.open(prepared, headers or {}, held=None, check_robots=False) as (
                response,
                at,
            ):
                if isinstance(response, FetchError):
                    problem, again = f"{response.reason} {response.detail}".strip(), response.retry
                else:
                    after = retry_after(response.headers.get("Retry-After"))
                    body = self._body(response)
                    text = b"" if isinstance(body, FetchError) else body
                    status = status_error(response)
                    if status is None and isinstance(body, FetchError):
                        status = body
                    try:
                        reply = json.loads(text)
                    except ValueError:
                        reply = None
                    again = bool(status and status.retry)
                    if status is None and reply is not None:
                        wait = retry(reply) if retry else False
                        if not wait:
                            self.cache.put(kept, reply)
                            return reply
                        after = after if wait is True else float(wait)
                        again = True
                    summary = text[:200].decode("utf-8", "replace")
                    problem = f"HTTP {response.status_code}: {' '.join(summary.split())}"
                    if isinstance(body, FetchError):
                        problem = f"{body.reason}: {body.detail}"
            self.access.rate_limits.report(url, failed=again)
            if not again or not self._pause(at, attempt, after):
                break
        held = self.access.rate_limits.held(at)
        raise SourceError(f"{urlsplit(url).hostname}: {problem}{f' ({held})' if held else ''}")

    def download(
        self,
        url: str,
        part: Path,
        known: PartialDownload | None = None,
        on_start: Any = None,
        hosts: Collection[str] = (),
    ) -> Downloaded | FetchError:
        """One attempt to download a file; the caller holds its host's slot.

        Args:
            url: what to download.
            part: where to; kept if the body breaks off, so that the next attempt resumes.
            known: what an earlier attempt passed to `on_start`; resumes if the file is unchanged.
            on_start: called with a PartialDownload once the headers arrived.
        """
        have = part.stat().st_size if part.exists() else 0
        if known and have and known.length == have:
            return Downloaded(url, 0, known.etag, have)
        asked = {"Accept-Encoding": "identity"}
        if have and known and known.etag:
            asked |= {"Range": f"bytes={have}-", "If-Range": known.etag}
        with self.access.open(url, asked, url, True, hosts) as (response, at):
            if isinstance(response, FetchError):
                return response
            if response.status_code == 416:
                part.unlink(missing_ok=True)
                return FetchError("range", "partial file no longer matches", retry=True)
            if error := status_error(response) or self.access.opt_out_error(response, at):
                return replace(error, url=at)
            return self._receive(response, at, part, have, on_start)

    def _receive(
        self, response: requests.Response, url: str, part: Path, have: int, on_start: Any
    ) -> Downloaded | FetchError:
        start = 0
        if response.status_code == 206:
            given = response.headers.get("Content-Range", "")
            if not given.startswith(f"bytes {have}-"):
                part.unlink(missing_ok=True)
                return FetchError("range", f"requested from {have}, got {given[:60]!r}", retry=True)
            start = have
        if response.headers.get("Content-Encoding", "identity") != "identity":
            return FetchError("encoding", response.headers["Content-Encoding"])
        stated = response.headers.get("Content-Length", "")
        length = start + int(stated) if stated.isdecimal() else 0
        max_bytes = self.limits.max_bytes
        if length > max_bytes:
            return FetchError("too-many-bytes", f"{length:,}, at most {max_bytes:,}")
        tag = response.headers.get("ETag", "")
        # If-Range only takes strong validators (RFC 9110, section 13.1.5).
        etag = response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        if on_start:
            on_start(PartialDownload(etag, length))
        received, total = 0, start
        began = time.monotonic()
        try:
            with part.open("ab" if start else "wb") as file:
                while chunk := response.raw.read1(CHUNK, decode_content=False):
                    file.write(chunk)
                    received += len(chunk)
                    total += len(chunk)
                    if total > max_bytes:
                        break
                    passed = time.monotonic() - began
                    if passed > self.limits.deadline or (
                        passed > 10 and received < MIN_SPEED * passed
                    ):
                        return FetchError(
                            "slow", f"{received:,} bytes in {passed:.0f} s", retry=True
                        )
        except TimeoutError:
            return FetchError("timeout", f"after {total:,} bytes", retry=True)
        except (HTTPError, OSError) as error:
            if late := self.access.late():
                return late
            reason = "timeout" if "timed out" in str(error) else "truncated"
            return FetchError(reason, f"{total:,} of {length or '?'} bytes", retry=True)
        if total > max_bytes:
            part.unlink(missing_ok=True)
            return FetchError("too-many-bytes", f"more than {max_bytes:,}")
        if late := self.access.late():
            return late
        if length and total < length:
            return FetchError("truncated", f"{total:,} of {length:,} bytes", retry=True)
        return Downloaded(url, received, etag, total)
