"""The run: search, gate, fetch, store. Kill it at any moment; the same command goes on.

Three files make that true. `.collect/journal.jsonl` notes the head of every answer before its body
(so that a part goes on where it ended), `.collect/parts/` holds bodies, and a picture counts as
stored once its row is in `manifest.jsonl`: it is moved to `images/` just before.
"""

import hashlib
import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from scrapers import manifest, sources
from scrapers.checks.integrity import FORMATS, decode, identify
from scrapers.checks.phash import phash, to_text
from scrapers.checks.verdict import BadPictureError
from scrapers.client import Client, Downloaded, Started
from scrapers.errors import ScraperError, SourceError
from scrapers.files import Journal, only_one, read_jsonl
from scrapers.gate import refusal
from scrapers.item import Item
from scrapers.recipe import Recipe, check_contact
from scrapers.scheduler import Scheduler, Task

STATE = ".collect"


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


def label(recipe: Recipe) -> list[str]:
    """A name per source: its kind, numbered where a kind comes twice."""
    kinds = [source.kind for source in recipe.sources]
    return [
        kind if kinds.count(kind) == 1 else f"{kind}-{kinds[:i].count(kind) + 1}"
        for i, kind in enumerate(kinds)
    ]


def items(recipe: Recipe, client: Client, name: str, number: int) -> Any:
    """Everything that one source of a recipe finds; raises SourceError, ScraperError."""
    source = sources.create(recipe.sources[number], client, name, recipe)
    for query in source.queries():
        yield from source.search(query)


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
        self.recipe, self.folder, self.watch = recipe, folder, watch
        self.parts, self.images = folder / STATE / "parts", folder / "images"
        self.parts.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        self.client = Client(
            recipe.contact, recipe.limits, folder / STATE / "replies", allowed_addresses
        )
        self.names = label(recipe)
        self.summary = Summary()
        self._lock = threading.Lock()
        self._read_state()
        limits = {name: s.limit for name, s in zip(self.names, recipe.sources, strict=True)}
        self.scheduler = Scheduler(self.client.hosts, recipe.limit, limits)
        self.scheduler.stored.update(Counter(row.source for row in self.rows))
        self._seen: set[str] = set()

    def _read_state(self) -> None:
        self._manifest = Journal(self.folder / manifest.JSONL)
        self.rows = manifest.read(self.folder)
        bad = sorted({row.licence for row in self.rows} - set(self.recipe.licences))
        if bad:
            raise ScraperError(
                f"{self.folder} holds pictures under {', '.join(map(repr, bad))}, which the "
                "recipe's licences do not list: collect into another folder"
            )
        self.digests = {row.sha256: row.file for row in self.rows}
        self.known = {row.id for row in self.rows}
        self.urls = {row.url: row.id for row in self.rows if row.url}
        self.started: dict[str, Started] = {}
        self.closed: dict[str, str] = {}
        path = self.folder / STATE / "journal.jsonl"
        self._journal = Journal(path)
        for row in read_jsonl(path):
            if "start" in row:
                self.started[row["start"]] = Started(row["etag"], row["length"])
            elif "refused" in row:
                self.closed[row["refused"]] = row["reason"]
        for orphan in self.images.iterdir():
            # Moved here, but killed before its row was written: it is a whole part again.
            if orphan.is_file() and orphan.stem not in self.known:
                orphan.rename(self.parts / orphan.stem)

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
        with self._lock:
            if item.id in self._seen:
                return True
            self._seen.add(item.id)
            self.summary.found[name] += 1
            if item.id in self.known:
                self.summary.already[name] += 1
                return True
            reason = refusal(item, self.recipe) or self.closed.get(item.id, "")
            if item.url and not reason and self.urls.setdefault(item.url, item.id) != item.id:
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
        item = task.item
        part = self.parts / item.id
        if item.path is not None:
            shutil.copyfile(item.path, part)
            return self._store(task, part, part.stat().st_size), False, 0
        if self.client.hosts.given_up(item.url):
            self._fail(task, "host given up")
            return False, False, 0
        task.attempts += 1
        result = self.client.download(
            item.url, part, self.started.get(item.id), lambda head: self._note(item.id, head)
        )
        if isinstance(result, Downloaded):
            self.client.hosts.report(item.url, failed=False)
            if item.id not in self.started or not self.started[item.id].length:
                self._note(item.id, Started(result.etag, result.length))
            return self._store(task, part, result.received), False, result.received
        if not result.retry:
            self._refuse(task, result.reason, result.detail)
            return False, False, 0
        self.client.hosts.report(item.url, failed=True)
        wait = self.client.backoff(task.attempts - 1) if result.after is None else result.after
        if task.attempts >= self.recipe.limits.attempts or wait > self.recipe.limits.longest_wait:
            self._fail(task, result.reason)
            return False, False, 0
        if result.reason not in ("truncated", "range"):
            self.client.hosts.hold(item.url, wait)
        return False, True, 0

    def _note(self, item_id: str, head: Started) -> None:
        with self._lock:
            self.started[item_id] = head
            self._journal.append({"start": item_id, "etag": head.etag, "length": head.length})

    def _refuse(self, task: Task, reason: str, detail: str) -> None:
        (self.parts / task.item.id).unlink(missing_ok=True)
        with self._lock:
            self.summary.refused[task.item.source][reason] += 1
            self._journal.append(
                {"refused": task.item.id, "url": task.item.url, "reason": reason, "detail": detail}
            )

    def _fail(self, task: Task, reason: str) -> None:
        with self._lock:
            self.summary.failed[task.item.source][reason] += 1

    def _store(self, task: Task, part: Path, received: int) -> bool:
        item = task.item
        try:
            picture = identify(part, self.recipe.limits.max_pixels, named=True)
            size, kind = picture.size, str(picture.format)
            if min(size) < self.recipe.min_side:
                raise BadPictureError("too small", f"{size[0]} x {size[1]} pixels")
            picture = decode(picture, at_least=32)
        except BadPictureError as error:
            reason = "not a picture" if error.verdict.name == "corrupt" else error.verdict.name
            self._refuse(task, reason, error.verdict.reason)
            return False
        luma = np.asarray(picture if picture.mode == "L" else picture.convert("L"))
        data = part.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        name = f"images/{item.id}{FORMATS[kind]}"
        with self._lock:
            twin = self.digests.setdefault(digest, name)
        if twin != name:
            self._refuse(task, "same bytes as another", twin)
            return False
        row = _row(item, name, digest, size, len(data), to_text(phash(luma)))
        part.rename(self.folder / name)
        with self._lock:
            self._manifest.append(manifest.to_json(row))
            self.rows.append(row)
            self.known.add(item.id)
            self.summary.stored[item.source] += 1
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
            self._manifest.close()
            self._journal.close()
            manifest.write_derived(self.folder, manifest.read(self.folder))
        self.summary.seconds = time.monotonic() - began
        return self.summary


def _row(
    item: Item, name: str, digest: str, size: tuple[int, int], length: int, hashed: str
) -> manifest.Row:
    assert item.licence
    return manifest.Row(
        id=item.id,
        file=name,
        source=item.source,
        page=item.page,
        url=item.url,
        title=item.title,
        author=item.author,
        author_url=item.author_url,
        licence=item.licence.id,
        licence_version=item.licence.version,
        licence_url=item.licence.url,
        attribution=item.attribution,
        sha256=digest,
        phash=hashed,
        width=size[0],
        height=size[1],
        bytes=length,
        taken_at=item.taken_at,
        retrieved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        terms=item.terms,
    )


def collect(
    recipe: Recipe, folder: Path, allowed_addresses: Collection[str] = (), watch: Any = None
) -> Summary:
    """Run a recipe into a folder, or go on where an earlier run ended.

    `allowed_addresses` are private addresses that may be connected to: for tests alone.
    `watch(source)` is called after every item. Raises ScraperError for the user's mistakes.
    """
    with only_one(folder):
        return Collector(recipe, folder, allowed_addresses, watch).run()
