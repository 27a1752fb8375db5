"""A server that stays up and stops when it is told to: signals, slow clients, greedy ones."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from starlette.testclient import TestClient

from gan_color.images.photo import Photo
from gan_color.inference import interrupt
from gan_color.inference.pipeline import ColorizeOptions, colorize_photo
from gan_color.web import server as serving
from gan_color.web.app import create_app
from gan_color.web.limits import Limits
from tests.helpers.clock import SkippingLoop
from tests.helpers.tint import Tint
from tests.helpers.web_photos import photo, post_photo, write_models
from tests.helpers.web_server import Server


def test_signals_answer_what_is_under_way_and_end_in_time(tmp_path: Path):
    """Of four requests at once one is running, three wait; each is answered."""
    server = Server(tmp_path, endless=True)
    with ThreadPoolExecutor(4) as pool, httpx.Client(base_url=server.url, timeout=60) as client:
        sent = [pool.submit(post_photo, client, photo(), model="plain") for _ in range(4)]
        while client.get("api/health").json()["requests"] < 4:
            time.sleep(0.01)
        started = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        answers = [future.result() for future in sent]
        server.process.join(30)
    assert time.monotonic() - started < 2 * serving.STOP_SECONDS + 10  # a busy machine
    for answer in answers:
        assert answer.status_code == 503
        assert "found it stopping" in answer.json()["error"]
    assert server.process.exitcode == -signal.SIGTERM  # not cut off with its threads
    # Tasks that did not end by themselves would be told of, and whatever broke.
    assert server.output().splitlines()[-1].startswith("listening on ")


def test_work_that_is_called_off_ends_at_the_next_strip():
    """The model is never asked, or no more; nothing comes of it."""
    model, event = Tint(), threading.Event()
    opened = Photo(np.zeros((200, 100, 3), np.uint8))
    with interrupt.interruptible(event):
        colorize_photo(model, opened, ColorizeOptions(64))
        event.set()
        with pytest.raises(interrupt.InterruptedWorkError):
            colorize_photo(model, opened, ColorizeOptions(64))
    assert len(model.seen) == 1
    assert colorize_photo(model, opened, ColorizeOptions(64))  # this thread's next work is not


@pytest.fixture
def application(tmp_path: Path):
    limits = Limits(requests=4, requests_per_address=2)
    return create_app(write_models(tmp_path), "cpu", limits, page=False)


@pytest.fixture
def address(application, loop: SkippingLoop) -> Iterator[tuple[str, int]]:
    """A server in a thread, on a loop whose clock the test moves; it may keep idle connections
    for longer than it waits for headers.
    """
    listening = serving.listen("127.0.0.1", 0)
    config = uvicorn.Config(
        application, http=serving.ImpatientProtocol, log_level="warning", timeout_keep_alive=9999
    )
    server = serving.StoppingServer(config, application.state.queue)

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(sockets=[listening]))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def rest_of(client: socket.socket, loop: SkippingLoop) -> bytes:
    """What comes until the server closes the connection; time flies while nothing does."""
    client.settimeout(0.1)
    found = b""
    for _ in range(300):
        try:
            part = client.recv(10_000)
        except TimeoutError:
            loop.skip(serving.HEADER_SECONDS)
        else:
            if not part:
                return found
            found += part
    raise AssertionError(f"still open; it sent {found!r}")


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: ", b"GET /api/health HTTP/1.1\r\n"]
)
def test_connections_without_headers_are_closed(address, loop, sent: bytes):
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(sent)
        assert rest_of(client, loop) == b""


def test_a_half_header_after_an_answer_is_closed_too(address, loop):
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while b'"requests"' not in answer:
            part = client.recv(10_000)
            assert part, f"closed after {answer!r}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /api/hea")
        assert b"HTTP/1.1 200" not in rest_of(client, loop)


def test_a_body_that_trickles_is_refused_and_one_client_leaves_seats_for_others(address, loop):
    url = "http://{}:{}/api/colorize".format(*address)
    release = threading.Event()

    def trickle() -> Iterator[bytes]:
        yield b"--x\r\n"
        release.wait(30)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    with ThreadPoolExecutor(3) as pool:
        slow = [
            pool.submit(httpx.post, url, content=trickle(), headers=headers, timeout=30)
            for _ in range(2)
        ]
        health = url.replace("colorize", "health")
        while httpx.get(health).json()["requests"] < 2:
            time.sleep(0.01)
        third = httpx.post(url, files={"file": photo()}, timeout=30)
        assert third.status_code == 429
        assert "found 2 requests of yours" in third.json()["error"]
        assert int(third.headers["retry-after"]) > 0
        loop.skip(31)  # more than a body may take
        while httpx.get(health).json()["requests"] > 0:
            time.sleep(0.01)
        release.set()
        for future in slow:
            try:
                answer = future.result()
            except httpx.TransportError:
                continue  # closed while it was sending
            assert answer.status_code == 408
            assert "after 30 s, expected all of it" in answer.json()["error"]
    assert httpx.post(url, files={"file": photo()}, timeout=60).status_code == 200


def test_operators_see_answers_times_and_requests_under_way(application):
    client = TestClient(application)
    assert post_photo(client, photo()).status_code == 200
    assert post_photo(client, b"none").status_code == 422
    assert client.head("/api/health").status_code == 200
    client.request("BREW", "/api/health")
    found = client.get("/metrics").text.splitlines()
    assert 'gan_color_http_responses_total{method="POST",status="200"} 1.0' in found
    assert 'gan_color_http_responses_total{method="POST",status="422"} 1.0' in found
    assert 'gan_color_http_responses_total{method="other",status="405"} 1.0' in found
    assert "gan_color_colorize_seconds_count 1.0" in found
    assert "gan_color_requests_under_way 0.0" in found


def test_only_trusted_hosts_are_answered(tmp_path: Path):
    hosts = ("photos.example.com", "*.local", "[::1]")
    folder = write_models(tmp_path)
    client = TestClient(create_app(folder, "cpu", page=False, trusted_hosts=hosts))
    for host in ("photos.example.com", "PHOTOS.example.com:7860", "a.local", "[::1]:80"):
        assert client.get("/api/health", headers={"host": host}).status_code == 200
    for host in ("evil.example.com", "photos.example.com.evil.org", "local", ""):
        answer = client.get("/api/health", headers={"host": host})
        assert answer.status_code == 400
        assert "request: found the host" in answer.json()["error"]


def test_what_is_written_can_be_read_as_the_umask_says(tmp_path: Path):
    old = os.umask(0o022)
    try:
        write_models(tmp_path)
    finally:
        os.umask(old)
    assert (tmp_path / "plain.safetensors").stat().st_mode & 0o777 == 0o644


def test_what_is_found_is_told_in_part(application):
    answer = post_photo(TestClient(application), photo(), render="9" * 60_000, model="m" * 60_000)
    assert answer.status_code == 422
    assert len(answer.content) < 2000
    answer = post_photo(TestClient(application), photo(), hints=f'["{"x" * 60_000}"]')
    assert answer.status_code == 422
    assert len(answer.content) < 2000
