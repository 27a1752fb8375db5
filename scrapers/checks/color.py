"""Detect gray, toned and over-saturated images from their Lab chroma.

In a toned photograph (sepia, cyanotype, selenium, duotone) chroma is a function of lightness: ab
lies on one curve over L, with little residual.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers.checks.rules import Rules
from scrapers.errors import Verdict

SIDE = 256
BINS = 32
EVEN = 0.4  # mean chroma of a strong tone, relative to its 95th percentile
SKY = 0.115  # a blue tone's residual, relative to chroma


@dataclass(frozen=True)
class Chroma:
    """Chroma statistics of a blurred image, so that noise and JPEG blocks do not count."""

    mean: float
    high: float  # 95th percentile of C*
    fit: float  # share of ab's variance explained by lightness, 0 to 1
    residual: float  # RMS distance in ab not explained by it
    minor: float  # standard deviation of ab across its main axis
    saturated: float  # share of pixels with C* above 90
    b: float  # mean b*, below 0 for blue


def shrink(rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Downscale an image [H, W, 3] to a short side of at most `side`."""
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Area averaging is 8x slower, and bilinear only aliases below a half.
    how = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.uint8)


def chroma(rgb: NDArray[np.uint8]) -> Chroma:
    """Chroma statistics of an 8-bit sRGB image [H, W, 3] of any size."""
    # After a 9-pixel blur, every third pixel is enough.
    small = np.ascontiguousarray(cv2.blur(shrink(rgb), (9, 9))[1::3, 1::3])
    if not small.size:
        small = rgb
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, a, b = (np.ascontiguousarray(lab[..., i]).ravel() for i in range(3))
    strength = np.hypot(a, b)
    level = (lightness * (BINS / 100)).astype(np.int32).clip(0, BINS - 1)
    count = np.maximum(np.bincount(level, minlength=BINS), 1)
    total = float(a.var() + b.var())
    residual = 0.0
    for part in (a, b):
        curve = np.bincount(level, part, BINS) / count
        residual += float(np.square(part - curve[level]).mean())
    at = int(0.95 * (len(strength) - 1))
    smallest = np.linalg.eigvalsh(np.cov(a, b))[0] if len(a) > 1 else 0.0
    return Chroma(
        mean=float(strength.mean()),
        high=float(np.partition(strength, at)[at]),
        fit=1 - residual / total if total > 1e-6 else 1.0,
        residual=residual**0.5,
        minor=float(np.sqrt(max(0.0, smallest))),
        saturated=float((strength > 90).mean()),
        b=float(b.mean()),
    )


def color_verdict(rgb: NDArray[np.uint8], rules: Rules | None = None) -> Verdict | None:
    """Whether an image [H, W, 3] is grayscale or sepia; None if its colors are fine."""
    return chroma_verdict(chroma(rgb), rules or Rules())


def chroma_verdict(stats: Chroma, rules: Rules) -> Verdict | None:
    """Whether chroma statistics mean grayscale or sepia."""
    if stats.high < rules.gray_chroma:
        return Verdict("grayscale", f"max chroma {stats.high:.1f}", stats.high)
    if is_toned(stats, rules):
        return Verdict("sepia", f"toned: lightness explains {stats.fit:.0%} of ab", stats.fit)
    return None


def is_toned(stats: Chroma, rules: Rules) -> bool:
    """Whether ab is a function of lightness."""
    left = stats.residual / max(stats.high, 1e-6)
    # Strong tones (deep browns, blues) lie closer to their curve than any colored scene.
    # A tone covers the whole print; a flame in the night is strong in one place.
    even = stats.high <= rules.toned_chroma or stats.mean >= EVEN * stats.high
    if stats.high <= rules.toned_limit and stats.fit >= 0.85 and left <= rules.toned_strict:
        return even
    if stats.high > rules.toned_chroma:
        return False
    # A bent tone curve spreads ab more widely, but lightness still explains it.
    if stats.fit >= 0.85 and left <= rules.toned_curve:
        return True
    if stats.fit >= 0.55 and left <= rules.toned_near:
        return True
    # Sky and clouds lie on one line from blue to white, more loosely than a cyanotype.
    most = min(rules.toned_left, SKY) if stats.b < 0 else rules.toned_left
    return (
        stats.fit >= rules.toned_fit
        and left <= most
        and stats.minor <= rules.toned_width * stats.high
    )
