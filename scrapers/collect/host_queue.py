"""Which item is fetched next: hosts take turns, each at its own pace, none holds up the others."""

import math
import threading
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

from scrapers.fetch.rate_limits import Hosts, origin
from scrapers.item import Item

# Items of one source that wait at most; its search pauses beyond.
WAITING = 256


@dataclass
class Task:
    """An item on its way, and how often it was tried."""

    item: Item
    attempts: int = 0

    @property
    def place(self) -> str:
        return origin(self.item.url) if self.item.path is None else ""


class Scheduler:
    """Shared by the threads that search and those that fetch."""

    def __init__(self, hosts: Hosts, limit: int | None, limits: dict[str, int | None]) -> None:
        self._hosts, self._limit, self._limits = hosts, limit, limits
        self._queues: OrderedDict[str, deque[Task]] = OrderedDict()
        self._condition = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._active: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self._searching = set(limits)
        self._stopped = False

    # ---- for those who search

    def put(self, item: Item) -> bool:
        """Queue an item, waiting for room; False: no more are wanted from this source."""
        with self._condition:
            while self._waiting[item.source] >= WAITING and not self._full(item.source):
                self._condition.wait(1.0)
            if self._full(item.source):
                return False
            self._add(Task(item))
            return True

    def finished(self, source: str) -> None:
        """A source found all it can."""
        with self._condition:
            self._searching.discard(source)
            self._condition.notify_all()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    # ---- for those who fetch

    def take(self) -> Task | None:
        """The next task, with its host's slot held; None when all is done."""
        with self._condition:
            while not self._stopped:
                wait = math.inf
                for place in list(self._queues):
                    queue = self._queues[place]
                    task = queue[0]
                    source = task.item.source
                    if self._full(source):
                        self._remove(place)
                        continue
                    if self._reserved(source):
                        continue  # enough are on their way; one may still fail
                    again = self._hosts.try_acquire(task.item.url) if place else 0.0
                    if again == 0.0:
                        self._remove(place)
                        self._active[source] += 1
                        if place in self._queues:
                            self._queues.move_to_end(place)
                        return task
                    wait = min(wait, again)
                idle = not self._queues and not self._active.total()
                if idle and all(self._full(source) for source in self._searching):
                    self._condition.notify_all()
                    return None
                self._condition.wait(min(wait, 0.5))
            return None

    def done(self, task: Task, stored: bool, again: bool = False, received: int = 0) -> None:
        """Give the slot back; `again` queues the task once more."""
        if task.place:
            self._hosts.release(task.item.url, received)
        with self._condition:
            self._active[task.item.source] -= 1
            self.stored[task.item.source] += stored
            if again:
                self._add(task)
            self._condition.notify_all()

    # ---- with the lock held

    def _add(self, task: Task) -> None:
        self._queues.setdefault(task.place, deque()).append(task)
        self._waiting[task.item.source] += 1
        self._condition.notify()

    def _remove(self, place: str) -> None:
        task = self._queues[place].popleft()
        self._waiting[task.item.source] -= 1
        if not self._queues[place]:
            del self._queues[place]
        self._condition.notify_all()

    def _full(self, source: str) -> bool:
        own = self._limits.get(source)
        return (
            self._stopped
            or (own is not None and self.stored[source] >= own)
            or (self._limit is not None and self.stored.total() >= self._limit)
        )

    def _reserved(self, source: str) -> bool:
        own, all_ = self._limits.get(source), self._limit
        return (own is not None and self.stored[source] + self._active[source] >= own) or (
            all_ is not None and self.stored.total() + self._active.total() >= all_
        )
