"""Clip art, line art, charts and screenshots: flat areas of few colours, as no camera gives."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scrapers.checks.rules import Rules
from scrapers.errors import Verdict


def drawing_verdict(rgb: NDArray[np.uint8], rules: Rules) -> Verdict | None:
    """Whether a picture [H, W, 3] was drawn; at its own resolution, or JPEG's fraction of it."""
    if min(rgb.shape[:2]) < 2:
        return None
    # Most are told from every eighth line; what is flat there is looked at as a whole.
    lines = np.arange(0, rgb.shape[0] - 1, 8)
    if float(_same(_join(rgb[lines], 8), _join(rgb[lines + 1], 8)).mean()) < rules.flat_share - 0.1:
        return None
    colours = _join(rgb, 8)
    same = _same(colours[:-1], colours[1:])
    flat = float(same.mean())
    if flat < rules.flat_share:
        return None
    keys = _join(rgb >> 3, 5)
    counts = np.bincount(keys.ravel(), minlength=1 << 15)
    common = float(np.partition(counts, -8)[-8:].sum() / keys.size)
    if common < rules.flat_colours:
        return None
    # A photographed thing before an even ground: nothing but the ground is flat, its colours many.
    rest = keys[:-1, :-1] != counts.argmax()
    pixels = max(1, int(rest.sum()))
    flat_rest = float(same[rest].sum() / pixels)
    if flat_rest < 0.05 and int((counts > 0).sum()) > 0.05 * pixels:
        return None
    return Verdict("clipart", f"{flat:.0%} flat, 8 colours fill {common:.0%}", flat)


def _same(here: NDArray[np.int32], below: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where a pixel is like the next one and like the one below it."""
    return np.asarray((here[:, :-1] == here[:, 1:]) & (here[:, :-1] == below[:, :-1]))


def _join(rgb: NDArray[Any], bits: int) -> NDArray[np.int32]:
    """One number per pixel [H, W] from channels of so many bits."""
    wide = rgb.astype(np.int32)
    return (wide[..., 0] << 2 * bits) | (wide[..., 1] << bits) | wide[..., 2]


def entropy(rgb: NDArray[np.uint8]) -> float:
    """Bits of the histogram of green, which stands for lightness here."""
    green = rgb[::2, ::2, 1]
    shares = np.bincount(green.ravel(), minlength=256) / max(1, green.size)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
