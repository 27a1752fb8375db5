"""Admission: a bounded number of requests, a few worker threads, one timeout over everything."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from gan_color.inference.interrupt import InterruptedWorkError, interruptible
from gan_color.web.limits import Limits, RequestError

Result = TypeVar("Result")
RETRY_SECONDS = 5


class ClientDisconnected(Exception):  # noqa: N818 (an event, not a fault)
    """The client closed the connection before the response."""


class RequestQueue:
    """A request takes a slot before its body is read, so that memory is bounded too."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.taken = 0
        self.stopping = False
        self._of_address: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running: dict[Future[Any], threading.Event] = {}
        self._in_threads: set[Future[Any]] = set()
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="colorize")

    @asynccontextmanager
    async def slot(self, address: str = "") -> AsyncIterator[Callable[[int], None]]:
        """Hold a slot until the timeout, which grows once what is yielded is told how many pixels
        the photo has.

        RequestError 503 if the server stops, if no slot is free, or time runs out; 429 if this
        address has as many as one may have.
        """
        if self.stopping:
            raise _stopping()
        if self.taken >= self.limits.requests:
            raise _busy(f"found {self.taken} requests, expected fewer than {self.limits.requests}")
        if address and self._of_address[address] >= self.limits.requests_per_address:
            raise RequestError(
                429,
                f"server: found {self._of_address[address]} requests of yours under way, expected "
                f"at most {self.limits.requests_per_address}; wait for one of them",
                {"Retry-After": str(RETRY_SECONDS)},
            )
        task = asyncio.current_task()
        assert task is not None
        self.taken += 1
        self._of_address[address] += 1
        self._tasks.add(task)
        loop = asyncio.get_running_loop()
        start, seconds = loop.time(), self.limits.timeout
        try:
            async with asyncio.timeout_at(start + seconds) as deadline:

                def extend(pixels: int) -> None:
                    nonlocal seconds
                    seconds = self.limits.seconds_for(pixels)
                    deadline.reschedule(start + seconds)

                yield extend
        except TimeoutError:
            raise _busy(
                f"found no result yet, expected one within {seconds:g} s; choose a "
                "smaller photo or render"
            ) from None
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            task.uncancel()
            raise _stopping() from None
        finally:
            self._tasks.discard(task)
            self._of_address[address] -= 1
            self._of_address += Counter()  # forgets those that have none
            self.taken -= 1

    async def run(
        self, work: Callable[[], Result], disconnected: Callable[[], Awaitable[None]]
    ) -> Result:
        """Do `work` in a thread; ClientDisconnected as soon as `disconnected` returns.

        Work that has started and that nobody waits for is called off; it keeps its slot until it
        has noticed.
        """
        called_off = threading.Event()
        future = self._threads.submit(_work, work, called_off)
        self._running[future] = called_off
        self._in_threads.add(future)
        future.add_done_callback(self._in_threads.discard)
        result = asyncio.wrap_future(future)
        closed = asyncio.ensure_future(disconnected())
        try:
            waited: set[asyncio.Future[Any]] = {result, closed}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise ClientDisconnected
            return result.result()
        finally:
            closed.cancel()
            called_off.set()
            if not result.done() and not future.cancel():
                loop = asyncio.get_running_loop()
                self.taken += 1
                future.add_done_callback(lambda _: self._release_from_thread(loop))
                result.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._running.pop(future)

    def stop(self) -> None:
        """Answer every request under way with 503, and call their work off."""
        self.stopping = True
        for called_off in self._running.values():
            called_off.set()
        for task in self._tasks:
            task.cancel()

    def join(self, seconds: float) -> bool:
        """Whether all threads are done within so many seconds, after `stop`."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        return not wait(list(self._in_threads), seconds).not_done

    def _release_from_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server was stopped meanwhile
            loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self.taken -= 1


def _work(work: Callable[[], Result], called_off: threading.Event) -> Result:
    with interruptible(called_off):
        if called_off.is_set():
            raise InterruptedWorkError
        return work()


def _busy(reason: str) -> RequestError:
    message = f"server: {reason}; try again in {RETRY_SECONDS} s"
    return RequestError(503, message, {"Retry-After": str(RETRY_SECONDS)})


def _stopping() -> RequestError:
    return _busy("found it stopping, expected it to run")
