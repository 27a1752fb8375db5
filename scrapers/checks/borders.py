"""Borders and letterboxes: flat bands along the edges, which are cropped."""

import numpy as np
from numpy.typing import NDArray

# A band's deviation from its own colour at most; what is left must be so much of each side.
FLAT, LEFT = 6.0, 0.5
FULL = 0.7  # share of the first line behind a band that must differ from it


def _band(lines: NDArray[np.int16]) -> int:
    """How many of the first lines [N, M, 3] are one flat colour, and end all at once.

    Where only a part of the next line differs, it is a thing before a plain ground: no band.
    """
    if np.ptp(lines[0], axis=0).max() > 8 * FLAT:
        return 0
    colour = np.median(lines[0], axis=0)
    for i in range(len(lines) // 3):
        away = np.abs(lines[i] - colour).max(axis=1)
        if away.mean() > FLAT or (away > 3 * FLAT).mean() > 0.02:
            # The line after: the edge itself may be blurred.
            edge = np.abs(lines[min(i + 2, len(lines) - 1)] - colour).max(axis=1)
            return i if (edge > 2 * FLAT).mean() >= FULL else 0
    return 0


def box(rgb: NDArray[np.uint8], least: int) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) without flat bands of at least `least` pixels; None: none found.

    A single band is taken for sky or a wall: frames have two that face each other.
    """
    if not least or min(rgb.shape[:2]) < 8 * least:
        return None
    height, width = rgb.shape[:2]
    pixels = rgb.astype(np.int16)
    top, bottom = _band(pixels), _band(pixels[::-1])
    columns = pixels.transpose(1, 0, 2)
    left, right = _band(columns), _band(columns[::-1])
    if min(top, bottom) < least:
        top = bottom = 0
    if min(left, right) < least:
        left = right = 0
    if not (top or left):
        return None
    kept = (height - top - bottom) / height, (width - left - right) / width
    if min(kept) < LEFT:
        return None
    return left, top, width - right, height - bottom
