"""What a model is good and bad at, in words for people: its file's record has them as `good_at` and
`bad_at`; those of a shipped file stand beside its hash.
"""

from pathlib import Path
from typing import Any, TypedDict

from gan_color.errors import GanColorError
from gan_color.hub.pretrained import FOLDER, MODELS

LONGEST = 300  # characters of either


class Strengths(TypedDict):
    """Each goes on from "Good at: " or "Bad at: "; empty: nothing is said."""

    good_at: str
    bad_at: str


def strengths_of(path: Path, header: dict[str, Any]) -> Strengths:
    """Those of the model file at `path`. Raises GanColorError where its record has something else
    in their place.
    """
    for shipped in MODELS.values():
        if path == FOLDER / shipped.file:
            return Strengths(good_at=shipped.good_at, bad_at=shipped.bad_at)
    return strengths_in(header["record"])


def strengths_in(record: dict[str, Any]) -> Strengths:
    """Those of a training record. Raises GanColorError: not a short text of one line."""
    return Strengths(good_at=_words(record, "good_at"), bad_at=_words(record, "bad_at"))


def _words(record: dict[str, Any], key: str) -> str:
    found = record.get(key, "")
    if isinstance(found, str) and len(found) <= LONGEST and found.isprintable():
        return found.strip()
    shown = f"a text of {len(found)} characters" if isinstance(found, str) else repr(found)[:100]
    raise GanColorError(
        f"{key}: found {shown}, expected text in one line of at most {LONGEST} characters"
    )
