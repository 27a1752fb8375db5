"""Detect pictures made of several: collages, and half gray ones (before and after)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers.checks.rules import Rules
from scrapers.errors import Verdict

EDGE = 0.15  # of a side: a seam nearer to the border is a frame


def half_gray(rgb: NDArray[np.uint8]) -> tuple[float, float]:
    """(chroma of the grayer half, of the other one beside it) of a picture [H, W, 3].

    95th percentiles. Of the halves left and right, or top and bottom, whichever differ more. What
    was made gray by half has colors up to the seam; a thing that is red farther down has not.
    """
    # After a blur of five pixels, every second is enough.
    small = np.ascontiguousarray(cv2.blur(rgb, (5, 5))[::2, ::2], np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    best = (0.0, 0.0)
    for values, light in ((chroma, lab[..., 0]), (chroma.T, lab[..., 0].T)):
        middle, gap = len(values) // 2, max(2, len(values) // 16)
        beside = max(2, len(values) // 12)
        halves = (slice(0, middle - gap), slice(middle + gap, None))
        strips = (
            slice(middle - gap - beside, middle - gap),
            slice(middle + gap, middle + gap + beside),
        )
        high = [float(np.percentile(values[half], 95)) for half in halves]
        gray = int(np.argmin(high))
        other = float(np.percentile(values[strips[1 - gray]], 95))
        # A flat gray half is a wall or fog, not a photograph without its colors.
        if float(light[halves[gray]].std()) > 8 and other - high[gray] > best[1] - best[0]:
            best = high[gray], other
    return best


def seams(rgb: NDArray[np.uint8]) -> tuple[float, float]:
    """How much stand out the lines, across the full picture [H, W, 3], along which it breaks.

    The share of a row's pixels that jump much more than those beside it do, and of a column's.
    """
    rows, columns = _planes(rgb)
    return _seam(rows), _seam(columns)


def _planes(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """A picture [H, W, 3] as [3, H, W], and as [3, W, H]: sums over whole planes are quicker."""
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1), np.int16)
    return planes, np.ascontiguousarray(planes.transpose(0, 2, 1))


def _seam(planes: NDArray[np.int16]) -> float:
    jumps = np.abs(planes[:, 1:] - planes[:, :-1]).max(axis=0)  # [H - 1, W], between rows
    rows = len(jumps)
    first, last = round(EDGE * rows), rows - round(EDGE * rows)
    if last - first < 8:
        return 0.0
    # Compared with what is usual a few rows away, pixel by pixel.
    around = np.maximum(np.roll(jumps, 3, axis=0), np.roll(jumps, -3, axis=0))
    around = np.maximum(around, np.maximum(np.roll(jumps, 5, axis=0), np.roll(jumps, -5, axis=0)))
    breaks = (jumps > 8) & (2 * jumps > 3 * around)
    # Two rows: a seam may be blurred.
    either = breaks[:-1] | breaks[1:]
    return float(either[first:last].mean(axis=1).max())


def gutter(rgb: NDArray[np.uint8]) -> float:
    """How much the pictures beside a gutter differ from it; 0 if [H, W, 3] has no gutter.

    A gutter is a band of one color, of a tenth of the side at most, from border to border. The
    share of pixels of another color a few lines away, on the side where it is smaller.
    """
    return max(map(_gutter, _planes(rgb)))


def _gutter(planes: NDArray[np.int16]) -> float:
    color = planes.mean(axis=2, keepdims=True).astype(np.int16)
    other = (np.abs(planes - color).max(axis=0) > 14).mean(axis=1)  # shares [H]
    plain, count, best = other < 0.03, len(other), 0.0
    starts = np.flatnonzero(plain & ~np.roll(plain, 1))
    for start in starts.tolist():
        end = start + int(np.argmin(np.append(plain[start:], False)))
        inside = 0.1 * count < start and end < 0.9 * count
        if inside and 2 <= end - start <= 0.1 * count:
            before, after = other[max(0, start - 5) : start - 2], other[end + 2 : end + 5]
            best = max(best, float(min(before.min(), after.min())))
    return best


def layout_verdict(rgb: NDArray[np.uint8], rules: Rules) -> Verdict | None:
    """Whether a shrunk picture [H, W, 3] is half gray or a collage."""
    if min(rgb.shape[:2]) < 64:
        return None
    gray, other = half_gray(rgb)
    if gray < rules.gray_chroma and other > rules.half_gray_chroma:
        return Verdict("half-gray", f"chroma {gray:.1f} beside {other:.1f}", gray)
    rows, columns = seams(rgb)
    if max(rows, columns) > rules.max_seam:
        found = max(rows, columns)
        return Verdict("collage", f"a seam along {found:.0%} of a line", found)
    if min(rows, columns) > rules.max_cross:
        return Verdict("collage", f"seams along {rows:.0%} and {columns:.0%}", min(rows, columns))
    beside = gutter(rgb)
    if beside > rules.max_gutter:
        return Verdict("collage", f"a gutter between {beside:.0%} of a line", beside)
    return None
