"""What a visitor may ask of the server, and the error that says so."""

from dataclasses import dataclass

from gan_color.errors import GanColorError


@dataclass(frozen=True)
class Limits:
    """Bounds of one server; a request beyond one of them is refused with a sentence."""

    upload_bytes: int = 25_000_000
    pixels: int = 50_000_000  # of a photo, told by its header before anything is decoded
    render: int = 1024  # a model's work grows with its square
    seconds: float = 60.0  # from the first byte of a request to its answer, waiting included
    requests: int = 16  # being read, waiting and worked on together
    workers: int = 1  # photos coloured at the same time; each already uses every core
    models: int = 2  # kept in memory


class RequestError(GanColorError):
    """A request that is not answered with a picture: HTTP status, sentence, headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
