"""How much work is let in: a bounded queue before a few threads, a time limit over all of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from gan_color.web.limits import Limits, RequestError

Result = TypeVar("Result")
RETRY_SECONDS = 5


class VisitorLeftError(Exception):
    """The connection was closed before the answer."""


class Seats:
    """A request takes a seat before its body is read, so that memory is bounded too."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.taken = 0
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="colour")

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        """Inside, a request has its seat until the time is up; RequestError 503 otherwise."""
        if self.taken >= self.limits.requests:
            raise _later(
                f"found {self.taken} requests at work, expected fewer than {self.limits.requests}"
            )
        self.taken += 1
        try:
            async with asyncio.timeout(self.limits.seconds):
                yield
        except TimeoutError:
            raise _later(
                f"found no answer yet, expected one within {self.limits.seconds:g} s; choose a "
                "smaller photo or render"
            ) from None
        finally:
            self.taken -= 1

    async def run(
        self, work: Callable[[], Result], disconnected: Callable[[], Awaitable[None]]
    ) -> Result:
        """Do `work` in a thread; VisitorLeftError as soon as `disconnected` returns.

        A thread cannot be stopped: work that has begun goes on to its end and keeps its seat.
        """
        future = self._threads.submit(work)
        answer = asyncio.wrap_future(future)
        left = asyncio.ensure_future(disconnected())
        try:
            waited: set[asyncio.Future[Any]] = {answer, left}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise VisitorLeftError
            return answer.result()
        finally:
            left.cancel()
            if not answer.done() and not future.cancel():
                loop = asyncio.get_running_loop()
                self.taken += 1
                future.add_done_callback(lambda _: self._stand_up(loop))

    def _stand_up(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server was stopped meanwhile
            loop.call_soon_threadsafe(self._free)

    def _free(self) -> None:
        self.taken -= 1


def _later(reason: str) -> RequestError:
    message = f"server: {reason}; try again in {RETRY_SECONDS} s"
    return RequestError(503, message, {"Retry-After": str(RETRY_SECONDS)})
