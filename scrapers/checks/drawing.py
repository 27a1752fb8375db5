"""Detect clip art, line art, charts and screenshots: flat areas of few colors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scrapers.checks.rules import Rules
from scrapers.errors import Verdict

COMMON = 0.55  # share of the eight most common of 4,096 colors in a lossy drawing


def drawing_verdict(rgb: NDArray[np.uint8], rules: Rules) -> Verdict | None:
    """Whether an image [H, W, 3] is a drawing; at full or reduced JPEG resolution."""
    if min(rgb.shape[:2]) < 2:
        return None
    # Every eighth line rules out most photos cheaply.
    lines = np.arange(0, rgb.shape[0] - 1, 8)
    if float(_same(_pack(rgb[lines], 8), _pack(rgb[lines + 1], 8)).mean()) < rules.flat_share - 0.1:
        return None
    colors = _pack(rgb, 8)
    same = _same(colors[:-1], colors[1:])
    flat = float(same.mean())
    if flat < rules.flat_share:
        return None
    keys = _pack(rgb >> 3, 5)
    counts = np.bincount(keys.ravel(), minlength=1 << 15)
    common = float(np.partition(counts, -8)[-8:].sum() / keys.size)
    if common < rules.flat_colors:
        return None
    # An object photographed on a plain background: only the background is flat.
    rest = keys[:-1, :-1] != counts.argmax()
    pixels = max(1, int(rest.sum()))
    flat_rest = float(same[rest].sum() / pixels)
    if flat_rest < 0.05 and int((counts > 0).sum()) > 0.05 * pixels:
        return None
    if _is_textured(rgb):
        return None
    return Verdict("clipart", f"{flat:.0%} flat, top 8 colors cover {common:.0%}", flat)


def lossy_verdict(small: NDArray[np.uint8], rules: Rules) -> Verdict | None:
    """Whether a shrunk image [H, W, 3] is a drawing or screenshot that lossy coding has blurred.

    Flat areas, few colors, and hard edges where others have texture.
    """
    if min(small.shape[:2]) < 2:
        return None
    flat, edges, _ = _steps(small)
    if flat < rules.drawn_share or edges < rules.drawn_edges:
        return None
    counts = np.sort(np.bincount(_pack(small >> 4, 4).ravel()))
    common = float(counts[-8:].sum() / counts.sum())
    if common < COMMON:
        return None
    return Verdict("clipart", f"{flat:.0%} flat with {edges:.0%} hard edges", flat)


def _steps(rgb: NDArray[np.uint8]) -> tuple[float, float, float]:
    """(share of flat steps, share of hard edges among edges and texture, share of texture)."""
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1), np.int16)
    here = planes[:, :-1, :-1]
    right, below = planes[:, :-1, 1:] - here, planes[:, 1:, :-1] - here
    step = np.maximum(np.abs(right).max(axis=0), np.abs(below).max(axis=0))
    texture = float(((step > 3) & (step <= 25)).mean())
    hard = float((step > 60).mean())
    return float((step <= 3).mean()), hard / max(1e-6, hard + texture), texture


def _is_textured(rgb: NDArray[np.uint8]) -> bool:
    """Whether what is not flat looks like a photograph: a bird before the sky."""
    _, edges, texture = _steps(rgb)
    return edges < 0.1 and texture > 0.09


def _same(here: NDArray[np.int32], below: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where a pixel equals its right and lower neighbors."""
    return np.asarray((here[:, :-1] == here[:, 1:]) & (here[:, :-1] == below[:, :-1]))


def _pack(rgb: NDArray[Any], bits: int) -> NDArray[np.int32]:
    """Pack channels of `bits` bits into one integer per pixel [H, W]."""
    wide = rgb.astype(np.int32)
    return (wide[..., 0] << 2 * bits) | (wide[..., 1] << bits) | wide[..., 2]


def entropy(rgb: NDArray[np.uint8]) -> float:
    """Histogram entropy in bits of green, a proxy for lightness."""
    green = rgb[::2, ::2, 1]
    shares = np.bincount(green.ravel(), minlength=256) / max(1, green.size)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
