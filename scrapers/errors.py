"""Errors a user can fix, sources that cannot continue, and the verdicts on images."""

from dataclasses import dataclass

KEEP = "keep"
# As written in the manifest; a duplicate's verdict is duplicate-of:FILE.
NAMES = (
    "corrupt", "unsupported", "too-small", "clipart", "grayscale", "sepia", "half-gray", "collage",
    "blurry", "noisy", "watermark", "low-quality", "duplicate-of",
)  # fmt: skip


class ScraperError(Exception):
    """A user error: what was found, what was expected, what to do. One line, exit code 2."""


class SourceError(Exception):
    """A source cannot continue (bad key, host down); the others do, and the summary says so."""


@dataclass(frozen=True)
class Verdict:
    """`name`: one of NAMES or keep; `reason`: what exactly was found; `score`: how much of it."""

    name: str
    reason: str
    score: float


class BadImageError(Exception):
    """A file that is not a usable image; `verdict` says why."""

    def __init__(self, name: str, reason: str, score: float = 1.0) -> None:
        super().__init__(f"{name}: {reason}")
        self.verdict = Verdict(name, reason, score)
