"""Run the server until it is stopped."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gan_color.errors import GanColorError
from gan_color.web.app import create_app
from gan_color.web.limits import Limits
from gan_color.web.request_queue import RequestQueue

HEADER_SECONDS = 10  # for a request's headers, and for the first byte of a connection
STOP_SECONDS = 5  # for answers to leave, and again for threads to notice that they were called off


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a port in use is reported before anything is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise GanColorError(
            f"serve: {host} port {port} cannot be used: {error.strerror or error}; "
            "choose another --host or --port"
        ) from None
    return found


def serve(
    folder: Path | None,
    host: str,
    port: int,
    root_path: str,
    device: str,
    limits: Limits,
    page: bool,
    say: Callable[[str], None],
    *,
    access_log: bool = False,
    trusted_hosts: tuple[str, ...] = (),
) -> None:
    """Serve until interrupted; then every request under way gets 503 and the process ends within
    ten seconds.

    Args:
        folder: with model files; None: runs/, if there is one.
        host: address to listen on.
        port: 0 takes a free one.
        root_path: path prefix that a proxy strips, e.g. /color.
        device: as of `choose_device`.
        limits: of every request.
        page: serve the web page too.
        say: prints a line for the user.
        access_log: a line on standard output for each request.
        trusted_hosts: what the Host header may name, such as *.example.com; empty: anything.

    Raises GanColorError if there is no usable model or the address cannot be used.
    """
    if root_path and not root_path.startswith("/"):
        raise GanColorError(f"serve: found the root path {root_path!r}, expected one like /color")
    listening = listen(host, port)
    with listening:
        app = create_app(folder, device, limits, page, shipped=True, trusted_hosts=trusted_hosts)
        for reason in app.state.cache.unusable():
            say(f"skipped: {reason}")
        config = uvicorn.Config(
            app,
            root_path=root_path.rstrip("/"),
            http=ImpatientProtocol,
            log_level="info" if access_log else "warning",
            access_log=access_log,
            timeout_graceful_shutdown=STOP_SECONDS,
            server_header=False,
        )
        listening.listen()  # what connects from here on is answered, if later
        shown = f"[{host}]" if ":" in host else host
        say(f"listening on http://{shown}:{listening.getsockname()[1]}/ (REST: /api/docs)")
        server = StoppingServer(config, app.state.queue)
        try:
            server.run(sockets=[listening])
        finally:
            # A model in the middle of one large photo cannot be stopped but with the process.
            if not app.state.queue.join(STOP_SECONDS):
                os._exit(128 + (server.signal or signal.SIGINT))


class StoppingServer(uvicorn.Server):
    """Answers what is under way when it is told to stop, instead of waiting for it."""

    def __init__(self, config: uvicorn.Config, queue: RequestQueue) -> None:
        super().__init__(config)
        self.queue, self.signal = queue, 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.signal = sig
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.queue.stop()
        await super().shutdown(sockets)


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 by h11, which bounds the size of headers; here their time is bounded too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_expecting()
        elif self._headers_due is None:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_expecting()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        self._headers_due = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_expecting(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None
