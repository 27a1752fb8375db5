"""Run the server until it is stopped."""

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from gan_color.errors import GanColorError
from gan_color.web.app import create_app
from gan_color.web.limits import Limits


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, so that a port in use is told before anything is loaded."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[
            0
        ]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
    except OSError as error:
        raise GanColorError(
            f"serve: {host} port {port} cannot be used: {error.strerror or error}; "
            "choose others with --host and --port"
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
    """Serve until interrupted. Raises GanColorError for a damaged model or an address of no use."""
    if root_path and not root_path.startswith("/"):
        raise GanColorError(f"serve: found the root path {root_path!r}, expected one like /colour")
    place = listen(host, port)
    with place:
        app = create_app(folder, device, limits, page, shipped=True)
        config = uvicorn.Config(
            app,
            root_path=root_path.rstrip("/"),
            http="h11",  # which bounds what a request's header may take, unlike the faster parser
            log_level="warning",
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        shown = f"[{host}]" if ":" in host else host
        say(f"listening on http://{shown}:{place.getsockname()[1]}/ (REST: /api/docs)")
        uvicorn.Server(config).run(sockets=[place])
