"""Run the server until it is stopped."""

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from gan_color.errors import GanColorError
from gan_color.web.app import create_app
from gan_color.web.limits import Limits


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
) -> None:
    """Serve until interrupted.

    Args:
        folder: with model files; None: runs/, if there is one.
        host: address to listen on.
        port: 0 takes a free one.
        root_path: path prefix that a proxy strips, e.g. /color.
        device: as of `choose_device`.
        limits: of every request.
        page: serve the web page too.
        say: prints a line for the user.

    Raises GanColorError if there is no usable model or the address cannot be used.
    """
    if root_path and not root_path.startswith("/"):
        raise GanColorError(f"serve: found the root path {root_path!r}, expected one like /color")
    listening = listen(host, port)
    with listening:
        app = create_app(folder, device, limits, page, shipped=True)
        config = uvicorn.Config(
            app,
            root_path=root_path.rstrip("/"),
            http="h11",  # bounds the size of request headers, which httptools does not
            log_level="warning",
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        shown = f"[{host}]" if ":" in host else host
        say(f"listening on http://{shown}:{listening.getsockname()[1]}/ (REST: /api/docs)")
        uvicorn.Server(config).run(sockets=[listening])
