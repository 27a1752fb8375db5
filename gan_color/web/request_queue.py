"""Admission: a bounded number of requests, a few worker threads, one timeout over everything."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

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
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="colorize")

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot until the timeout; RequestError 503 if none is free or time runs out."""
        if self.taken >= self.limits.requests:
            raise _busy(f"found {self.taken} requests, expected fewer than {self.limits.requests}")
        self.taken += 1
        try:
            async with asyncio.timeout(self.limits.timeout):
                yield
        except TimeoutError:
            raise _busy(
                f"found no result yet, expected one within {self.limits.timeout:g} s; choose a "
                "smaller photo or render"
            ) from None
        finally:
            self.taken -= 1

    async def run(
        self, work: Callable[[], Result], disconnected: Callable[[], Awaitable[None]]
    ) -> Result:
        """Do `work` in a thread; ClientDisconnected as soon as `disconnected` returns.

        A thread cannot be stopped: work that has started runs to its end and keeps its slot.
        """
        future = self._threads.submit(work)
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
            if not result.done() and not future.cancel():
                loop = asyncio.get_running_loop()
                self.taken += 1
                future.add_done_callback(lambda _: self._release_from_thread(loop))

    def _release_from_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server was stopped meanwhile
            loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self.taken -= 1


def _busy(reason: str) -> RequestError:
    message = f"server: {reason}; try again in {RETRY_SECONDS} s"
    return RequestError(503, message, {"Retry-After": str(RETRY_SECONDS)})
