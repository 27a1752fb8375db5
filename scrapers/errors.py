"""Mistakes that the user can mend, and sources that cannot go on."""

from dataclasses import dataclass

KEEP = "keep"
# As they stand in the manifest; a duplicate's verdict is duplicate-of:FILE.
NAMES = ("corrupt", "unsupported", "too-small", "clipart", "grayscale", "sepia", "duplicate-of")


class ScraperError(Exception):
    """A user's mistake: what was found, what was expected, what to do. Exit code 2, one line."""


class SourceError(Exception):
    """A source cannot go on (bad key, host down); the others do, and the summary says so."""


@dataclass(frozen=True)
class Verdict:
    """`name` is one of NAMES or keep; `reason` says what exactly was found, `score` how much."""

    name: str
    reason: str
    score: float


class BadPictureError(Exception):
    """A file that is no usable picture; `verdict` says why."""

    def __init__(self, name: str, reason: str, score: float = 1.0) -> None:
        super().__init__(f"{name}: {reason}")
        self.verdict = Verdict(name, reason, score)
