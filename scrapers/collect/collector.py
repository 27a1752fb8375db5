"""The run: search, filter, download, store. Killed at any time, the same command resumes."""

import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrapers.collect.filters import rejection_reason
from scrapers.collect.host_queue import HostQueue, Task
from scrapers.collect.store import STATE, Store
from scrapers.errors import ScraperError, SourceError
from scrapers.fetch.client import Client, Downloaded, PartialDownload
from scrapers.files import folder_lock
from scrapers.item import Item
from scrapers.recipe import Recipe, check_contact
from scrapers.sources import items, source_names


@dataclass
class Summary:
    """Counts of a run, per source."""

    found: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failed: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    errors: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    received: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """What report.json says of this run."""
        names = sorted({*self.found, *self.errors})
        return {
            "stored": self.stored.total(),
            "undone": self.undone,
            "bytes": self.received,
            "seconds": round(self.seconds, 1),
            "sources": {
                name: {
                    "found": self.found[name],
                    "skipped": self.skipped[name],
                    "stored": self.stored[name],
                    "rejected": dict(self.rejected[name]),
                    "failed": dict(self.failed[name]),
                    "error": self.errors.get(name, ""),
                }
                for name in names
            },
            "notes": self.notes,
        }

    @property
    def undone(self) -> int:
        """How many items and searches another run might still get."""
        return sum(counts.total() for counts in self.failed.values()) + len(self.errors)


class Collector:
    """One run of a recipe into a folder."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        allowed_addresses: Collection[str] = (),
        on_progress: Any = None,
        retry_refused: bool = False,
    ) -> None:
        check_contact(recipe.contact)
        self.recipe, self.on_progress = recipe, on_progress
        self.store = Store(recipe, folder, retry_refused)
        self.client = Client(
            recipe.contact, recipe.limits, folder / STATE / "responses", allowed_addresses
        )
        self.names = source_names(recipe)
        self.summary = Summary()
        if self.store.unlisted:
            self.summary.notes.append(
                f"{folder / 'images'}: {self.store.unlisted:,} files are not in the manifest; they "
                "stay, and `clean` gives them rows without a license"
            )
        self._lock = threading.Lock()
        limits = {name: s.limit for name, s in zip(self.names, recipe.sources, strict=True)}
        self.queue = HostQueue(self.client.access.rate_limits, recipe.limit, limits)
        self.queue.stored.update(self.store.sources)
        self._seen: set[str] = set()

    # ---- search

    def _search(self, number: int) -> None:
        name = self.names[number]
        try:
            for item in items(self.recipe, self.client, name, number):
                if not self._offer(name, item):
                    break
        except (SourceError, ScraperError) as error:
            self.summary.errors[name] = str(error)
        except Exception as error:  # a bug or an unknown reply shape: other sources continue
            self.summary.errors[name] = f"unexpected {type(error).__name__}: {error}"
        finally:
            self.queue.finished(name)

    def _offer(self, name: str, item: Item) -> bool:
        store = self.store
        with self._lock:
            if item.id in self._seen:
                return True
            self._seen.add(item.id)
            self.summary.found[name] += 1
            if item.id in store.known:
                self.summary.skipped[name] += 1
                return True
            reason = rejection_reason(item, self.recipe) or store.rejected.get(item.id, "")
            if {item.id, item.url} & store.removed:
                reason = "removed on request"
            if (
                item.url
                and not item.is_here
                and not reason
                and store.urls.setdefault(item.url, item.id) != item.id
            ):
                reason = "duplicate URL"
            if reason:
                self.summary.rejected[name][reason] += 1
                return True
        return self.queue.put(item)

    # ---- fetch and store

    def _work(self) -> None:
        while task := self.queue.take():
            stored = retry = False
            received = 0
            try:
                stored, retry, received = self._fetch(task)
            except OSError as error:  # a disk error would hit every other item too
                self.summary.errors["disk"] = str(error)
                self.queue.stop()
            except Exception as error:
                self._fail(task, f"unexpected {type(error).__name__}")
            finally:
                self.queue.done(task, stored, retry, received)
                if self.on_progress:
                    self.on_progress(task.item.source)

    def _fetch(self, task: Task) -> tuple[bool, bool, int]:
        """(stored, to be retried, bytes received)."""
        item, store, limits = task.item, self.store, self.client.access.rate_limits
        part = store.parts / item.id
        if item.is_here:
            if item.data is not None:
                part.write_bytes(item.data)
            elif item.path is not None:
                shutil.copyfile(item.path, part)
            return self._store(task, part, part.stat().st_size), False, 0
        if reason := limits.held(item.url):
            self._fail(task, reason)
            return False, False, 0
        task.attempts += 1
        result = self.client.download(
            item.url,
            part,
            store.partial.get(item.id),
            lambda start: store.record_start(item, start),
            item.hosts,
        )
        if isinstance(result, Downloaded):
            limits.report(item.url, failed=False)
            if item.id not in store.partial or not store.partial[item.id].length:
                store.record_start(item, PartialDownload(result.etag, result.length))
            return self._store(task, part, result.received), False, result.received
        if reason := limits.held(item.url):
            self._fail(task, reason)
            return False, False, 0
        if not result.retry:
            self._reject(task, result.reason, result.detail)
            return False, False, 0
        at = result.url or item.url  # a redirect may have led to another host
        limits.report(at, failed=True)
        wait = result.after
        if wait is None:
            wait = self.client.access.backoff(task.attempts - 1)
        if wait > self.recipe.limits.longest_wait:
            limits.pause(at, wait)  # holds the host
            self._fail(task, f"{result.reason}, {limits.held(at)}")
            return False, False, 0
        if task.attempts >= self.recipe.limits.attempts:
            self._fail(task, result.reason)
            return False, False, 0
        if result.reason not in ("truncated", "range"):
            limits.pause(at, wait)
        return False, True, 0

    def _reject(self, task: Task, reason: str, detail: str) -> None:
        self.store.reject(task.item, reason, detail)
        with self._lock:
            self.summary.rejected[task.item.source][reason] += 1

    def _fail(self, task: Task, reason: str) -> None:
        with self._lock:
            self.summary.failed[task.item.source][reason] += 1

    def _store(self, task: Task, part: Path, received: int) -> bool:
        if error := self.store.add(task.item, part):
            self._reject(task, error.reason, error.detail)
            return False
        with self._lock:
            self.summary.stored[task.item.source] += 1
            self.summary.received += received
        return True

    def run(self) -> Summary:
        """Run until every source is exhausted or the limits are reached."""
        began = time.monotonic()
        searches = [
            threading.Thread(target=self._search, args=(i,), daemon=True)
            for i in range(len(self.names))
        ]
        workers = [
            threading.Thread(target=self._work, daemon=True)
            for _ in range(self.recipe.limits.workers)
        ]
        try:
            for thread in searches + workers:
                thread.start()
            for thread in workers:
                thread.join()
        finally:
            self.queue.stop()
            self.client.close()  # a slow host holds nothing up
            for thread in workers:
                if thread.is_alive():  # Ctrl-C may come before the last of them has begun
                    thread.join()
            self.store.close()
        if not self.summary.errors:
            self.client.cache.finished()
        self.summary.seconds = time.monotonic() - began
        return self.summary


def collect(
    recipe: Recipe,
    folder: Path,
    allowed_addresses: Collection[str] = (),
    on_progress: Any = None,
    retry_refused: bool = False,
) -> Summary:
    """Run a recipe into a folder, or resume an earlier run.

    Args:
        recipe: what to collect.
        folder: the dataset folder.
        allowed_addresses: private addresses that may be connected to (for tests).
        on_progress: called with the source's name after every item.
        retry_refused: ask again for what earlier runs were refused.

    Raises ScraperError for user errors.
    """
    with folder_lock(folder, make=True):
        return Collector(recipe, folder, allowed_addresses, on_progress, retry_refused).run()
