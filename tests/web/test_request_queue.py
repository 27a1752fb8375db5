"""How many requests are taken, in which order they are worked on, and for how long."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import torch
from fastapi import FastAPI
from starlette.testclient import TestClient

from gan_color.inference.interrupt import InterruptedWorkError
from gan_color.web import colorize, limits
from gan_color.web.api import create_api
from gan_color.web.limits import Limits
from gan_color.web.model_cache import ModelCache
from gan_color.web.request_queue import RequestQueue
from tests.helpers.clock import SkippingLoop
from tests.helpers.web_photos import photo, write_models


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(
        write_models(tmp_path_factory.mktemp("models")), torch.device("cpu"), max_models=1
    )


class Gate:
    """What `colorize_photo` does first: it counts itself, does `then`, and waits to be let in."""

    def __init__(self) -> None:
        self.started, self.called_off, self.then = 0, 0, lambda: None
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        self.started += 1
        self.then()
        assert self._open.wait(60)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    found, real = Gate(), colorize.colorize_photo

    def colorize_photo(*arguments):
        found.pass_through()
        try:
            return real(*arguments)
        except InterruptedWorkError:
            found.called_off += 1
            raise

    monkeypatch.setattr(colorize, "colorize_photo", colorize_photo)
    yield found
    found.open()


def together(
    app: FastAPI,
    count: int,
    loop: SkippingLoop,
    answered: Callable[[httpx.Response], None] = lambda _: None,
    size: tuple[int, int] = (60, 40),
) -> list[httpx.Response]:
    """Send `count` photos at once; `answered` sees each answer as it comes."""

    async def post(client: httpx.AsyncClient) -> httpx.Response:
        answer = await client.post("/colorize", files={"file": photo(size)})
        answered(answer)
        return answer

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await asyncio.gather(*(post(client) for _ in range(count)))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(send())


def test_requests_beyond_the_queue_get_503_and_the_others_are_answered(cache, gate, loop):
    refused = []

    def answered(answer: httpx.Response) -> None:
        refused.append(answer)
        if len(refused) == 2:
            gate.open()

    answers = together(create_api(cache, Limits(requests=3)), 5, loop, answered)
    assert sorted(a.status_code for a in answers) == [200, 200, 200, 503, 503]
    for busy in refused[:2]:
        assert busy.status_code == 503
        assert int(busy.headers["retry-after"]) > 0
        assert "found 3 requests" in busy.json()["error"]


def test_slow_requests_time_out_and_queued_ones_never_start(cache, gate, loop, monkeypatch):
    api = create_api(cache, Limits(requests=3))
    queued, run = [], RequestQueue.run

    async def counted(queue: RequestQueue, *arguments):
        queued.append(arguments)
        return await run(queue, *arguments)

    def wait_for_the_other() -> None:
        while len(queued) < 2:
            time.sleep(0.01)
        loop.skip(61)

    monkeypatch.setattr(RequestQueue, "run", counted)
    gate.then = wait_for_the_other
    answers = together(api, 2, loop)
    assert [a.status_code for a in answers] == [503, 503]
    assert "within 60 s" in answers[0].json()["error"]
    client = TestClient(api)
    assert client.get("/health").json()["requests"] == 1  # its thread has not noticed yet
    assert gate.started == 1
    gate.then = lambda: None
    gate.open()
    assert client.post("/colorize", files={"file": photo()}).status_code == 200
    assert gate.called_off == 1
    assert gate.started == 2  # the thread went on to this one, past the one that was queued


@pytest.mark.parametrize(("passed", "status"), [(230, 200), (250, 503)])
def test_large_photos_have_more_time(cache, gate, loop, monkeypatch, passed, status):
    """Four times the timed pixels, four times 60 s."""
    monkeypatch.setattr(limits, "TIMED_PIXELS", 40 * 40)

    def let_pass() -> None:
        loop.skip(passed)
        if status == 200:
            gate.open()

    gate.then = let_pass
    (answer,) = together(create_api(cache, Limits()), 1, loop, size=(80, 80))
    assert answer.status_code == status
    if status == 503:
        assert "within 240 s" in answer.json()["error"]
