"""Clip art, line art, charts and screenshots: flat areas of few colours, as no camera gives."""

import numpy as np
from numpy.typing import NDArray

from scrapers.checks.rules import Rules
from scrapers.checks.verdict import Verdict


def drawing_verdict(rgb: NDArray[np.uint8], rules: Rules) -> Verdict | None:
    """Whether a picture [H, W, 3] was drawn; at its own resolution, or JPEG's fraction of it."""
    if min(rgb.shape[:2]) < 2:
        return None
    same = (rgb[:-1, :-1] == rgb[:-1, 1:]) & (rgb[:-1, :-1] == rgb[1:, :-1])
    flat = float(same.all(axis=2).mean())
    if flat < rules.flat_share:
        return None
    five = (rgb >> 3).astype(np.int32)
    keys = (five[..., 0] << 10) | (five[..., 1] << 5) | five[..., 2]
    counts = np.bincount(keys.ravel(), minlength=1 << 15)
    common = float(np.partition(counts, -8)[-8:].sum() / keys.size)
    if common < rules.flat_colours:
        return None
    # A photographed thing before an even ground: nothing but the ground is flat, its colours many.
    rest = keys[:-1, :-1] != counts.argmax()
    pixels = max(1, int(rest.sum()))
    flat_rest = float(same.all(axis=2)[rest].sum() / pixels)
    if flat_rest < 0.05 and int((counts > 0).sum()) > 0.05 * pixels:
        return None
    return Verdict("clipart", f"{flat:.0%} flat, 8 colours fill {common:.0%}", flat)


def entropy(rgb: NDArray[np.uint8]) -> float:
    """Bits of the histogram of green, which stands for lightness here."""
    shares = np.bincount(rgb[..., 1].ravel(), minlength=256) / max(1, rgb[..., 1].size)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
