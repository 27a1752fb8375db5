"""What a server did, for Prometheus: GET /metrics."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gan_color.web.request_queue import RequestQueue

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts answers, and times those of /api/colorize; of one application."""

    def __init__(self, queue: RequestQueue) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "gan_color_http_responses_total",
            "Answers, by method and status.",
            ("method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "gan_color_colorize_seconds",
            "From a request's headers to the end of its answer, of those that got a photo.",
            buckets=SECONDS,
            registry=self.registry,
        )
        under_way = Gauge(
            "gan_color_requests_under_way", "Uploading, queued and running.", registry=self.registry
        )
        under_way.set_function(lambda: queue.taken)

    def response(self) -> Response:
        """All of them in Prometheus' text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    def watch(self, app: ASGIApp) -> ASGIApp:
        """The application, with its answers counted."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started, status = time.perf_counter(), 0

            async def count(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    # Whoever invents methods must not fill the memory with them.
                    known = scope["method"] in ("GET", "HEAD", "POST")
                    self.answers.labels(scope["method"] if known else "other", status).inc()
                await send(message)

            await app(scope, receive, count)
            if status == 200 and scope["path"].endswith("/api/colorize"):
                self.seconds.observe(time.perf_counter() - started)

        return watched
