"""Borders and letterboxes: flat bands along the edges, to be cropped."""

import numpy as np
from numpy.typing import NDArray

MAX_DEVIATION = 6.0  # of a band from its color
MIN_KEPT = 0.5  # of each side, after cropping
MIN_EDGE = 0.7  # share of the first line after a band that must differ from it


def _band(lines: NDArray[np.int16]) -> int:
    """How many of the first lines [N, M, 3] are one flat color that ends along its full length.

    If only part of the next line differs, it is an object on a plain background: no band.
    """
    if np.ptp(lines[0], axis=0).max() > 8 * MAX_DEVIATION:
        return 0
    color = np.median(lines[0], axis=0)
    for i in range(len(lines) // 3):
        away = np.abs(lines[i] - color).max(axis=1)
        if away.mean() > MAX_DEVIATION or (away > 3 * MAX_DEVIATION).mean() > 0.02:
            # One line further: the edge itself may be blurred.
            edge = np.abs(lines[min(i + 2, len(lines) - 1)] - color).max(axis=1)
            return i if (edge > 2 * MAX_DEVIATION).mean() >= MIN_EDGE else 0
    return 0


def box(rgb: NDArray[np.uint8], min_width: int) -> tuple[int, int, int, int] | None:
    """The crop (left, top, right, bottom) without bands of `min_width` pixels or more, or None.

    Frames have two opposite bands; a single one is more likely sky or a wall.
    """
    if not min_width or min(rgb.shape[:2]) < 8 * min_width:
        return None
    height, width = rgb.shape[:2]
    pixels = rgb.astype(np.int16)
    top, bottom = _band(pixels), _band(pixels[::-1])
    columns = pixels.transpose(1, 0, 2)
    left, right = _band(columns), _band(columns[::-1])
    if min(top, bottom) < min_width:
        top = bottom = 0
    if min(left, right) < min_width:
        left = right = 0
    if not (top or left):
        return None
    kept = (height - top - bottom) / height, (width - left - right) / width
    if min(kept) < MIN_KEPT:
        return None
    return left, top, width - right, height - bottom
