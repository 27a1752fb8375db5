"""Work that nobody waits for any more ends at the next strip or pass of the model."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_current = threading.local()


class InterruptedWorkError(Exception):
    """The work of this thread was called off."""


@contextmanager
def interruptible(event: threading.Event) -> Iterator[None]:
    """Within the block `check` of this thread raises as soon as the event is set."""
    _current.event = event
    try:
        yield
    finally:
        _current.event = None


def check() -> None:
    """InterruptedWorkError where this thread's work was called off; else nothing."""
    event = getattr(_current, "event", None)
    if event is not None and event.is_set():
        raise InterruptedWorkError
