"""The whole server: the REST interface at /api, the page at /, example photos at /examples."""

import re
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import MODELS, verified
from gan_color.web import examples
from gan_color.web.api import answer_errors_with_json, create_api
from gan_color.web.limits import Limits
from gan_color.web.metrics import Metrics
from gan_color.web.model_cache import ModelCache

RUNS = Path("runs")
STATIC = Path(__file__).parent / "static"
HEADERS = {
    # The page runs its own scripts and styles only, and connects to this server only.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(
    folder: Path | None,
    device: str = "auto",
    limits: Limits | None = None,
    page: bool = True,
    shipped: bool = False,
    trusted_hosts: tuple[str, ...] = (),
) -> FastAPI:
    """An ASGI application that colorizes with the model files of `folder`.

    Args:
        folder: None: runs/, if there is one.
        device: as of `choose_device`.
        limits: of every request.
        page: serve the web page too, not only REST.
        shipped: list the models that ship with gan_color too.
        trusted_hosts: what the Host header may name, such as *.example.com; empty: anything.

    Raises GanColorError if `folder` is given and holds no usable model.
    """
    limits = limits or Limits()
    cache = ModelCache(folder or RUNS, choose_device(device), limits.max_models)
    if folder is not None and not cache.files():
        reasons = "; ".join(cache.unusable())
        raise GanColorError(
            f"models: found none in {str(folder)!r}, expected NAME.safetensors or "
            f"NAME/model.safetensors{': ' if reasons else ''}{reasons}"
        )
    if shipped:
        cache.extra = tuple(verified(name) for name in MODELS)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    answer_errors_with_json(app)
    app.add_middleware(SecurityHeaders)
    if trusted_hosts:
        app.add_middleware(TrustedHosts, trusted_hosts)
    api = create_api(cache, limits)
    app.state.cache, app.state.queue = cache, api.state.queue
    app.mount("/api", api)
    metrics = Metrics(api.state.queue)
    app.add_middleware(metrics.watch)
    app.add_api_route("/metrics", metrics.response, methods=["GET"])
    # Without the page too: /api/docs takes its style from here.
    app.mount("/static", StaticFiles(directory=STATIC))
    if page:
        _add_page(app, cache)
    return app


def _add_page(app: FastAPI, cache: ModelCache) -> None:
    colorized = examples.ColorizedExamples(cache).jpeg

    @app.api_route("/", methods=["GET", "HEAD"])
    def index() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/examples")
    def list_examples() -> dict[str, list[str]]:
        return {"examples": list(examples.names())}

    @app.get("/examples/{name}-colorized.jpg")
    def colorized_example(name: str) -> Response:
        if name not in examples.names():
            return _no_example(name)
        return Response(colorized(name), media_type="image/jpeg")

    @app.get("/examples/{name}.jpg")
    def example(name: str) -> Response:
        if name not in examples.names():
            return _no_example(name)
        return Response(examples.gray(name), media_type="image/jpeg")


def _no_example(name: str) -> Response:
    message = f"example: found {name[:100]!r}, expected one of {', '.join(examples.names())}"
    return JSONResponse({"error": message}, 404)


class TrustedHosts:
    """Refuses requests to a host that none of the patterns names: DNS rebinding."""

    def __init__(self, app: ASGIApp, patterns: tuple[str, ...]) -> None:
        self.app, self.patterns = app, [pattern.lower() for pattern in patterns]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "").lower()
            host = host if host.endswith("]") else re.sub(r":\d+$", "", host)
            if not any(self._fits(host, pattern) for pattern in self.patterns):
                expected = ", ".join(self.patterns)
                message = f"request: found the host {host[:100]!r}, expected {expected}"
                await JSONResponse({"error": message}, 400)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    @staticmethod
    def _fits(host: str, pattern: str) -> bool:
        return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


class SecurityHeaders:
    """Adds HEADERS to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # Browsers ask again after an upgrade; photos are no-store already.
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self.app(scope, receive, send_with_headers)
