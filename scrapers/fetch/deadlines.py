"""An overall deadline for every request: handshake, head and body together.

A timeout counts the seconds without a byte, so that a host that drips one byte at a time never
reaches it. One thread shuts down connections whose time is up; a read then fails at once.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Deadline:
    """One request of one thread."""

    def __init__(self, until: float) -> None:
        self.until, self.expired = until, False
        self._connection: Any = None

    def watch(self, connection: Any) -> None:
        """The connection that this request uses from now on."""
        self._connection = connection
        if self.expired:
            self.expire()

    def expire(self) -> None:
        """Make every read and write of the request fail."""
        self.expired = True
        twin = getattr(self._connection, "twin", None)
        if twin is not None:
            with suppress(OSError):  # closed meanwhile
                twin.shutdown(socket.SHUT_RDWR)


class Deadlines:
    """The deadlines of all threads."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._active: set[Deadline] = set()
        self._condition = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> Deadline | None:
        """This thread's innermost deadline."""
        stack = getattr(self._local, "stack", None)
        return stack[-1] if stack else None

    @contextmanager
    def limit(self, seconds: float) -> Iterator[Deadline]:
        """End what this thread requests inside after `seconds`."""
        deadline = Deadline(time.monotonic() + seconds)
        stack: list[Deadline] = self._local.__dict__.setdefault("stack", [])
        with self._condition:
            deadline.expired = self._stopped
            self._active.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            self._condition.notify()
        stack.append(deadline)
        try:
            yield deadline
        finally:
            stack.pop()
            with self._condition:
                self._active.discard(deadline)

    def stop(self) -> None:
        """End all requests now, and every later one when it begins."""
        with self._condition:
            self._stopped = True
            for deadline in self._active:
                deadline.expire()
            self._condition.notify()

    def _watch(self) -> None:
        with self._condition:
            while not self._stopped:
                now = time.monotonic()
                waiting = [d for d in self._active if not d.expired]
                for deadline in waiting:
                    if deadline.until <= now:
                        deadline.expire()
                later = [d.until for d in waiting if not d.expired]
                self._condition.wait(min(later) - now if later else None)
