"""A local server that behaves like image hosts do, well and badly.

For tests (imported), benchmarks and the notebook (`python -m tests.fakes.image_server`). It
implements each API as documented (image_apis.py), with Range and ETag; `script` makes any path
return 429, break off, drip or redirect.
"""

import argparse
import hashlib
import json
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.fakes.photographs import Photo, demo_photos, synthetic

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """One scripted response. `keep`: cut the connection after this many bytes of the body.

    `pause`: seconds between chunks of `piece` bytes (a slow drip).
    """

    status: int = 200
    body: bytes | None = None  # None: the path's own
    headers: tuple[tuple[str, str], ...] = ()
    keep: int | None = None
    pause: float = 0.0
    piece: int = 64
    chunked: bool = False


@dataclass(frozen=True)
class Request:
    """A logged request and its outcome."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int
    sent: int
    whole: bool
    when: float  # monotonic seconds


class Server:
    """Serves within its `with` block, at `url(path)`."""

    def __init__(self, photos: Sequence[Photo] = (), address: str = ADDRESS) -> None:
        self.photos = {photo.path: photo for photo in photos}
        self.files: dict[str, tuple[bytes, str]] = {}  # path: (body, content type)
        self.scripts: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.log: list[Request] = []
        self.headers: dict[str, str] = {}  # sent with every image
        self.address = address
        outer = self

        class Handler(_Handler):
            server_state = outer

        self._http = _Listener((address, 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def url(self, path: str = "") -> str:
        """A URL on this server."""
        return f"http://{self.address}:{self.port}{path}"

    def script(self, path: str, *answers: Answer) -> None:
        """Script the next responses of a path, in order; then it is served as usual."""
        self.scripts[path].extend(answers)

    def whole(self, prefix: str = "/img/") -> list[str]:
        """The paths that were sent completely, in order, with repeats."""
        return [
            request.path
            for request in self.log
            if request.whole and request.path.startswith(prefix)
        ]


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignored: clients that disconnect are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: Server
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        when = time.monotonic()
        script = self.server_state.scripts.get(parts.path)
        answer = script.popleft() if script else Answer()
        status, sent, whole = 0, 0, False
        try:
            status, sent, whole = self._answer(parts.path, query, answer)
        except OSError:
            self.close_connection = True
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server_state.log.append(Request(parts.path, query, headers, status, sent, whole, when))

    def _found(self, path: str, query: dict[str, str]) -> tuple[int, bytes, str, dict[str, str]]:
        """(status, body, content type, headers) of a path without a script."""
        from tests.fakes.image_apis import respond

        state = self.server_state
        if path in state.photos:
            return 200, state.photos[path].body, "image/jpeg", state.headers
        if path in state.files:
            return 200, *state.files[path], {}
        return respond(state, path, query, {k.lower(): v for k, v in self.headers.items()})

    def _answer(self, path: str, query: dict[str, str], answer: Answer) -> tuple[int, int, bool]:
        if answer.status >= 300:
            body = answer.body or b"<html>no</html>"
            self._head(answer.status, len(body), "text/html", dict(answer.headers))
            self.wfile.write(body)
            self.wfile.flush()
            return answer.status, len(body), False
        status, body, kind, more = self._found(path, query)
        body = body if answer.body is None else answer.body
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        headers = {"ETag": etag, **more, **dict(answer.headers)}
        start, given = 0, self.headers.get("Range", "")
        if given.startswith("bytes=") and self.headers.get("If-Range") == etag:
            start = int(given[6:].partition("-")[0])
            if start >= len(body):
                self._head(416, 0, kind, {"Content-Range": f"bytes */{len(body)}"})
                return 416, 0, False
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        self._head(status, None if answer.chunked else len(rest), kind, headers)
        cut = rest if answer.keep is None else rest[: answer.keep]
        sent = self._send(cut, answer)
        if len(cut) < len(rest):
            self.close_connection = True
        elif answer.chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        return status, sent, status in (200, 206) and len(cut) == len(rest)

    def _send(self, data: bytes, answer: Answer) -> int:
        step = answer.piece if answer.pause else max(1, len(data))
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
            if answer.pause:
                self.wfile.flush()
                time.sleep(answer.pause)
        return len(data)

    def _head(self, status: int, length: int | None, kind: str, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", headers.pop("Content-Type", kind))
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    """Print the address as one line of JSON, then serve until stdin closes."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.image_server")
    parser.add_argument("--count", type=int, default=0, help="synthetic images; 0: demo photos")
    parser.add_argument("--distinct", type=int, default=0, help="then repeat these; 0: never")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"))
    parser.add_argument("--quality", type=int, default=90)
    chosen = parser.parse_args()
    collection = demo_photos()
    if chosen.count:
        distinct = chosen.distinct or chosen.count
        bodies = [synthetic(i, *chosen.size, chosen.quality) for i in range(distinct)]
        # Repeats differ in bytes after the JPEG's end.
        tails = [b"" if i < distinct else i.to_bytes(4, "big") for i in range(chosen.count)]
        collection = [
            Photo(i, bodies[i % distinct] + tail, *chosen.size, title=f"Clouds {i}")
            for i, tail in enumerate(tails)
        ]
    with Server(collection) as server:
        urls = [server.url(path) for path in server.photos]
        found = {"url": server.url(), "address": ADDRESS, "images": urls}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
