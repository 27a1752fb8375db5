"""What a request may ask of the server, and the error that refuses it."""

from dataclasses import dataclass

from gan_color.errors import GanColorError

TIMED_PIXELS = 12_000_000


@dataclass(frozen=True)
class Limits:
    """Limits of one server; a request above one of them gets an error that names it."""

    upload_bytes: int = 25_000_000
    pixels: int = 50_000_000  # of a photo, read from its header before anything is decoded
    render: int = 1024  # a model's work grows with its square
    timeout: float = 60.0  # seconds, from a request's first byte to its response; see seconds_for
    requests: int = 16  # uploading, queued and running together
    requests_per_address: int = 8  # of those, that one client may have
    body_timeout: float = 30.0  # seconds in which a request's body has to arrive
    hints: int = 200  # points of a photo whose colors are given
    workers: int = 1  # photos colorized at a time; each already uses every core
    max_models: int = 2  # kept in memory

    def seconds_for(self, pixels: int) -> float:
        """A request's time, queueing included: `timeout` for photos of up to TIMED_PIXELS, more in
        proportion for larger ones.
        """
        return self.timeout * max(1.0, pixels / TIMED_PIXELS)


class RequestError(GanColorError):
    """A refused request: HTTP status, message, headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
