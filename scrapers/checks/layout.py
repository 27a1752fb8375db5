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
    small = cv2.blur(rgb, (5, 5)).astype(np.float32) / 255
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


def seams(luma: NDArray[np.uint8]) -> tuple[float, float]:
    """How much stand out the lines, across the full picture [H, W], along which it breaks.

    The share of a row's pixels that jump much more than those beside it do, and of a column's.
    """
    return _seam(luma.astype(np.float32)), _seam(luma.T.astype(np.float32))


def _seam(luma: NDArray[np.float32]) -> float:
    jumps = np.abs(np.diff(luma, axis=0))  # [H - 1, W], between rows
    rows = len(jumps)
    first, last = round(EDGE * rows), rows - round(EDGE * rows)
    if last - first < 8:
        return 0.0
    # Compared with what is usual a few rows away, pixel by pixel.
    around = np.maximum(np.roll(jumps, 3, axis=0), np.roll(jumps, -3, axis=0))
    around = np.maximum(around, np.maximum(np.roll(jumps, 5, axis=0), np.roll(jumps, -5, axis=0)))
    breaks = (jumps > 12) & (jumps > 2 * around)
    # Two rows: a seam may be blurred.
    either = breaks[:-1] | breaks[1:]
    return float(either[first:last].mean(axis=1).max())


def layout_verdict(rgb: NDArray[np.uint8], rules: Rules) -> Verdict | None:
    """Whether a shrunk picture [H, W, 3] is half gray or a collage."""
    if min(rgb.shape[:2]) < 64:
        return None
    gray, other = half_gray(rgb)
    if gray < rules.gray_chroma and other > rules.half_gray_chroma:
        return Verdict("half-gray", f"chroma {gray:.1f} beside {other:.1f}", gray)
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    rows, columns = seams(luma)
    if max(rows, columns) > rules.max_seam:
        found = max(rows, columns)
        return Verdict("collage", f"a seam along {found:.0%} of a line", found)
    if min(rows, columns) > rules.max_cross:
        return Verdict("collage", f"seams along {rows:.0%} and {columns:.0%}", min(rows, columns))
    return None
