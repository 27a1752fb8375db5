"""The run: search, gate, fetch, store. Kill it at any moment; the same command goes on."""

import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrapers.collect.filters import refusal
from scrapers.collect.host_queue import Scheduler, Task
from scrapers.collect.store import STATE, Store
from scrapers.errors import ScraperError, SourceError
from scrapers.fetch.client import Client, Downloaded, Started
from scrapers.files import only_one
from scrapers.item import Item
from scrapers.recipe import Recipe, check_contact
from scrapers.sources import items, label


@dataclass
class Summary:
    """What a run did, per source."""

    found: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    already: Counter[str] = field(default_factory=Counter)
    refused: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failed: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    errors: dict[str, str] = field(default_factory=dict)
    received: int = 0
    seconds: float = 0.0


class Collector:
    """One run of a recipe into a folder."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        allowed_addresses: Collection[str] = (),
        watch: Any = None,
    ) -> None:
        check_contact(recipe.contact)
        self.recipe, self.watch = recipe, watch
        self.store = Store(recipe, folder)
        self.client = Client(
            recipe.contact, recipe.limits, folder / STATE / "replies", allowed_addresses
        )
        self.names = label(recipe)
        self.summary = Summary()
        self._lock = threading.Lock()
        limits = {name: s.limit for name, s in zip(self.names, recipe.sources, strict=True)}
        self.scheduler = Scheduler(self.client.access.hosts, recipe.limit, limits)
        self.scheduler.stored.update(self.store.sources)
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
        except Exception as error:  # a source's bug, or a reply of an unknown shape: others go on
            self.summary.errors[name] = f"unexpected {type(error).__name__}: {error}"
        finally:
            self.scheduler.finished(name)

    def _offer(self, name: str, item: Item) -> bool:
        store = self.store
        with self._lock:
            if item.id in self._seen:
                return True
            self._seen.add(item.id)
            self.summary.found[name] += 1
            if item.id in store.known:
                self.summary.already[name] += 1
                return True
            reason = refusal(item, self.recipe) or store.closed.get(item.id, "")
            if item.url and not reason and store.urls.setdefault(item.url, item.id) != item.id:
                reason = "same address as another"
            if reason:
                self.summary.refused[name][reason] += 1
                return True
        return self.scheduler.put(item)

    # ---- fetch and store

    def _work(self) -> None:
        while task := self.scheduler.take():
            stored = again = False
            received = 0
            try:
                stored, again, received = self._fetch(task)
            except OSError as error:  # the disk: nothing else will work either
                self.summary.errors["disk"] = str(error)
                self.scheduler.stop()
            except Exception as error:
                self._fail(task, f"unexpected {type(error).__name__}")
            finally:
                self.scheduler.done(task, stored, again, received)
                if self.watch:
                    self.watch(task.item.source)

    def _fetch(self, task: Task) -> tuple[bool, bool, int]:
        """(stored, to be tried again, bytes received)."""
        item, store, hosts = task.item, self.store, self.client.access.hosts
        part = store.parts / item.id
        if item.path is not None:
            shutil.copyfile(item.path, part)
            return self._store(task, part, part.stat().st_size), False, 0
        if hosts.given_up(item.url):
            self._fail(task, "host given up")
            return False, False, 0
        task.attempts += 1
        result = self.client.download(
            item.url, part, store.started.get(item.id), lambda head: store.note(item, head)
        )
        if isinstance(result, Downloaded):
            hosts.report(item.url, failed=False)
            if item.id not in store.started or not store.started[item.id].length:
                store.note(item, Started(result.etag, result.length))
            return self._store(task, part, result.received), False, result.received
        if not result.retry:
            self._refuse(task, result.reason, result.detail)
            return False, False, 0
        hosts.report(item.url, failed=True)
        wait = result.after
        if wait is None:
            wait = self.client.access.backoff(task.attempts - 1)
        if task.attempts >= self.recipe.limits.attempts or wait > self.recipe.limits.longest_wait:
            self._fail(task, result.reason)
            return False, False, 0
        if result.reason not in ("truncated", "range"):
            hosts.hold(item.url, wait)
        return False, True, 0

    def _refuse(self, task: Task, reason: str, detail: str) -> None:
        self.store.refuse(task.item, reason, detail)
        with self._lock:
            self.summary.refused[task.item.source][reason] += 1

    def _fail(self, task: Task, reason: str) -> None:
        with self._lock:
            self.summary.failed[task.item.source][reason] += 1

    def _store(self, task: Task, part: Path, received: int) -> bool:
        if refused := self.store.keep(task.item, part):
            self._refuse(task, refused.reason, refused.detail)
            return False
        with self._lock:
            self.summary.stored[task.item.source] += 1
            self.summary.received += received
        return True

    def run(self) -> Summary:
        """Until every source is exhausted or the limits are reached."""
        began = time.monotonic()
        searching = [
            threading.Thread(target=self._search, args=(i,), daemon=True)
            for i in range(len(self.names))
        ]
        working = [
            threading.Thread(target=self._work, daemon=True)
            for _ in range(self.recipe.limits.workers)
        ]
        try:
            for thread in searching + working:
                thread.start()
            for thread in working:
                thread.join()
        finally:
            self.scheduler.stop()
            for thread in working:
                thread.join()
            self.store.close()
        self.summary.seconds = time.monotonic() - began
        return self.summary


def collect(
    recipe: Recipe, folder: Path, allowed_addresses: Collection[str] = (), watch: Any = None
) -> Summary:
    """Run a recipe into a folder, or go on where an earlier run ended.

    `allowed_addresses` are private addresses that may be connected to: for tests alone.
    `watch(source)` is called after every item. Raises ScraperError for the user's mistakes.
    """
    with only_one(folder):
        return Collector(recipe, folder, allowed_addresses, watch).run()
