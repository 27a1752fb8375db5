"""What to download next: hosts take turns, so that a slow one never delays the others."""

import math
import threading
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

from scrapers.fetch.rate_limits import RateLimits, origin
from scrapers.item import Item

# Queued items per source; its search blocks beyond that.
MAX_QUEUED = 256


@dataclass
class Task:
    """An item to download, and how often it was tried."""

    item: Item
    attempts: int = 0

    @property
    def host(self) -> str:
        """Its origin; "" for a local file."""
        return "" if self.item.is_here else origin(self.item.url)


class HostQueue:
    """Shared by search threads (`put`) and download threads (`take`, `done`)."""

    def __init__(
        self, rate_limits: RateLimits, limit: int | None, limits: dict[str, int | None]
    ) -> None:
        self._rate_limits, self._limit, self._limits = rate_limits, limit, limits
        self._queues: OrderedDict[str, deque[Task]] = OrderedDict()
        self._condition = threading.Condition()
        self._queued: Counter[str] = Counter()
        self._active: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self._searching = set(limits)
        self._stopped = False

    # ---- called by search threads

    def put(self, item: Item) -> bool:
        """Queue an item, blocking while full; False once the source reached its limit."""
        with self._condition:
            while self._queued[item.source] >= MAX_QUEUED and not self._full(item.source):
                self._condition.wait(1.0)
            if self._full(item.source):
                return False
            self._add(Task(item))
            return True

    def finished(self, source: str) -> None:
        """Mark a source's search as finished."""
        with self._condition:
            self._searching.discard(source)
            self._condition.notify_all()

    def stop(self) -> None:
        """Make `take` return None from now on."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    # ---- called by download threads

    def take(self) -> Task | None:
        """The next task, with its host's slot acquired; None when all is done."""
        with self._condition:
            while not self._stopped:
                wait = math.inf
                for host in list(self._queues):
                    queue = self._queues[host]
                    task = queue[0]
                    source = task.item.source
                    if self._full(source):
                        self._remove(host)
                        continue
                    if self._reserved(source):
                        continue  # enough in flight, but one may fail
                    delay = self._rate_limits.try_acquire(task.item.url) if host else 0.0
                    if delay == 0.0:
                        self._remove(host)
                        self._active[source] += 1
                        if host in self._queues:
                            self._queues.move_to_end(host)
                        return task
                    wait = min(wait, delay)
                idle = not self._queues and not self._active.total()
                if idle and all(self._full(source) for source in self._searching):
                    self._condition.notify_all()
                    return None
                self._condition.wait(min(wait, 0.5))
            return None

    def done(self, task: Task, stored: bool, retry: bool = False, received: int = 0) -> None:
        """Release the slot; `retry` queues the task again."""
        if task.host:
            self._rate_limits.release(task.item.url, received)
        with self._condition:
            self._active[task.item.source] -= 1
            self.stored[task.item.source] += stored
            if retry:
                self._add(task)
            self._condition.notify_all()

    # ---- with the lock held

    def _add(self, task: Task) -> None:
        self._queues.setdefault(task.host, deque()).append(task)
        self._queued[task.item.source] += 1
        self._condition.notify()

    def _remove(self, host: str) -> None:
        task = self._queues[host].popleft()
        self._queued[task.item.source] -= 1
        if not self._queues[host]:
            del self._queues[host]
        self._condition.notify_all()

    def _full(self, source: str) -> bool:
        own = self._limits.get(source)
        return (
            self._stopped
            or (own is not None and self.stored[source] >= own)
            or (self._limit is not None and self.stored.total() >= self._limit)
        )

    def _reserved(self, source: str) -> bool:
        own, total = self._limits.get(source), self._limit
        return (own is not None and self.stored[source] + self._active[source] >= own) or (
            total is not None and self.stored.total() + self._active.total() >= total
        )
