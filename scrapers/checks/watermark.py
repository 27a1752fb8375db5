"""Watermarks: text over a picture that says whose it is, lies across it, or fills it.

RapidOCR reads the picture (the extra `watermarks`: its models come with its package); what it
read is classified here. Text of the scene itself (signs, labels, plates) is no watermark.
"""

import functools
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers.errors import ScraperError, Verdict

# Pixels, the short side that is read, one after the other: small text is enlarged, and what is lost
# on a fine structure at one size is often read at another.
SIDES = 640, 480
SURE = 0.6  # how sure the reader has to be of a text
# What a mark says. A text matches that has one of them, or most of one: letters get lost.
WORDS = (
    "copyright", "allrightsreserved", "watermark", "sample", "preview", "proof", "draft",
    "donotcopy", "photography", "photographer", "stockphoto", "shutterstock", "gettyimages",
    "istock", "istockphoto", "adobestock", "alamy", "dreamstime", "depositphotos", "123rf",
    "bigstockphoto", "fotolia", "pond5", "envato", "freepik", "vecteezy",
)  # fmt: skip
SIGN = re.compile(r"©|\(c\)", re.IGNORECASE)
SITE = re.compile(
    r"www\W?\w|[\w-]{3,}\.(com|net|org|info|biz|co\.uk|photos?|gallery|de|fr|it|es|nl|pl|ru|at|ch)\b",
    re.IGNORECASE,
)
MOST, LIKE = 0.7, 85  # how much of a long word has to be there, and how well (of 100)
SLANT = 12, 78  # degrees; a mark across a picture is tilted, signs in a scene rarely are
ACROSS = 0.3  # of the short side: the length of such a mark
MIDDLE = 0.15  # of the sides: how far from the middle its own middle may be
TIMES = 3, 5  # how often a text has to be there to be a pattern: slanted, and level


@dataclass(frozen=True)
class Line:
    """A line of text: what it says, how sure that is (0 to 1), its corners [4, 2] (x, y)."""

    text: str
    sure: float
    corners: NDArray[np.float32]

    @property
    def letters(self) -> str:
        return re.sub(r"[\W_]", "", self.text.lower())

    @property
    def tilt(self) -> float:
        """Degrees from the level, -180 to 180."""
        x, y = self.corners[1] - self.corners[0]
        return float(np.degrees(np.arctan2(y, x)))

    @property
    def height(self) -> float:
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))

    @property
    def is_slanted(self) -> bool:
        return SLANT[0] < abs(self.tilt) < SLANT[1]


def require_reader() -> None:
    """Raises ScraperError if the packages of the extra `watermarks` are not there."""
    for name in ("rapidocr", "onnxruntime", "rapidfuzz"):
        if importlib.util.find_spec(name) is None:
            raise ScraperError(
                f"watermarks: found no package {name!r}: pip install 'gan-color[watermarks]', "
                "or leave them unread"
            )


@functools.cache
def _reader(side: int) -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,  # upside down, no mark is laid
            "Global.text_score": 0.0,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,  # `clean` has a process per core
            "Det.limit_type": "min",
            "Det.limit_side_len": side,
            "Det.box_thresh": 0.4,
        }
    )


def read(rgb: NDArray[np.uint8], side: int = SIDES[0]) -> list[Line]:
    """The text in a picture [H, W, 3], read as if its short side had so many pixels."""
    scale = side / min(rgb.shape[:2])
    if scale < 1:
        rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    found = _reader(side)(np.ascontiguousarray(rgb[..., ::-1]))
    if found.txts is None:
        return []
    corners = np.asarray(found.boxes, np.float32) / min(1, scale)
    return [Line(*line) for line in zip(found.txts, found.scores, corners, strict=True)]


def mark(lines: Sequence[Line], height: int, width: int) -> str | None:
    """What makes a watermark of the text in a picture of these sides, or None."""
    lines = [line for line in lines if line.sure >= SURE]
    for line in lines:
        if SIGN.search(line.text) or SITE.search(line.text.replace(" ", "")) or _word(line.letters):
            return f"the text {line.text!r}"
    for line in lines:
        if _lies_across(line, height, width):
            return f"{line.text!r} across the middle"
    for line in lines:
        same = sum(_is_alike(line, other) for other in lines)
        if len(line.letters) >= 4 and same >= TIMES[0 if line.is_slanted else 1]:
            return f"{line.text!r} {same} times"
    return None


def _word(letters: str) -> bool:
    """Whether one of WORDS, or most of a long one, is in a text."""
    from rapidfuzz import fuzz

    for word in WORDS:
        if word in letters:
            return True
        # Something like a short word is soon found: "stocks", "simple", "craft".
        is_most = len(word) > 7 and len(letters) >= MOST * len(word)
        if is_most and fuzz.partial_ratio(word, letters) >= LIKE:
            return True
    return False


def _lies_across(line: Line, height: int, width: int) -> bool:
    off = np.abs(line.corners.mean(axis=0) / (width, height) - 0.5).max()
    length = float(np.linalg.norm(line.corners[1] - line.corners[0]))
    is_long = len(line.letters) >= 5 and length >= ACROSS * min(height, width)
    return bool(line.is_slanted and is_long and off < MIDDLE and line.sure > 0.85)


def _is_alike(line: Line, other: Line) -> bool:
    """Whether two lines, or parts of them, say the same, equally large and turned."""
    from rapidfuzz import fuzz

    if abs(line.tilt - other.tilt) > 4 or not 0.8 < line.height / max(other.height, 1) < 1.25:
        return False
    return len(other.letters) >= 4 and fuzz.partial_ratio(line.letters, other.letters) >= 85


def watermark_verdict(rgb: NDArray[np.uint8]) -> Verdict | None:
    """Whether a picture [H, W, 3] has a watermark."""
    for side in SIDES:
        if found := mark(read(rgb, side), *rgb.shape[:2]):
            return Verdict("watermark", found, 1.0)
    return None
