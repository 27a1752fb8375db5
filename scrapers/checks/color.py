"""Grey, toned and over-saturated pictures, told from the chroma plane of Lab.

A toned photograph (sepia, cyanotype, selenium, duotone) has chroma, but only what its lightness
dictates: ab lies on one curve over L, so that the covariance of what is left has no rank.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers.checks.rules import Rules
from scrapers.errors import Verdict

SIDE = 256
BINS = 32


@dataclass(frozen=True)
class Chroma:
    """Statistics of a picture's chroma, blurred so that noise and JPEG's blocks do not count."""

    mean: float
    high: float  # 95th percentile of C*
    fit: float  # share of ab's variance that lightness explains, 0 to 1
    left: float  # what it does not explain: root mean square distance in ab
    minor: float  # standard deviation of ab across its main axis
    saturated: float  # share of pixels with C* above 90


def shrink(rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """A picture [H, W, 3] with its shorter side at most `side`."""
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Averaging costs eight times as much, and only below a half does anything alias.
    how = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.uint8)


def chroma(rgb: NDArray[np.uint8]) -> Chroma:
    """Measure a picture [H, W, 3] of 8-bit sRGB, of any size."""
    # Blurred over nine pixels, so that every third says all.
    small = np.ascontiguousarray(cv2.blur(shrink(rgb), (9, 9))[1::3, 1::3])
    if not small.size:
        small = rgb
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, a, b = (np.ascontiguousarray(lab[..., i]).ravel() for i in range(3))
    strength = np.hypot(a, b)
    level = (lightness * (BINS / 100)).astype(np.int32).clip(0, BINS - 1)
    count = np.maximum(np.bincount(level, minlength=BINS), 1)
    total = float(a.var() + b.var())
    left = 0.0
    for part in (a, b):
        curve = np.bincount(level, part, BINS) / count
        left += float(np.square(part - curve[level]).mean())
    at = int(0.95 * (len(strength) - 1))
    smallest = np.linalg.eigvalsh(np.cov(a, b))[0] if len(a) > 1 else 0.0
    return Chroma(
        mean=float(strength.mean()),
        high=float(np.partition(strength, at)[at]),
        fit=1 - left / total if total > 1e-6 else 1.0,
        left=left**0.5,
        minor=float(np.sqrt(max(0.0, smallest))),
        saturated=float((strength > 90).mean()),
    )


def colour_verdict(rgb: NDArray[np.uint8], rules: Rules | None = None) -> Verdict | None:
    """What is wrong with the colours of a picture [H, W, 3]: grayscale, sepia, or nothing (None).

    The one function for `clean` and for any folder that is about to be trained on.
    """
    return judge(chroma(rgb), rules or Rules())


def judge(found: Chroma, rules: Rules) -> Verdict | None:
    """The verdict on chroma that was measured already."""
    if found.high < rules.grey_chroma:
        return Verdict("grayscale", f"chroma {found.high:.1f} at most", found.high)
    if is_toned(found, rules):
        return Verdict("sepia", f"one tone: lightness explains {found.fit:.0%} of ab", found.fit)
    return None


def is_toned(found: Chroma, rules: Rules) -> bool:
    """Whether ab follows lightness alone."""
    if found.high > rules.toned_chroma:
        return False
    # Toning may bend its curve: the wider for it, but all of it explained.
    if found.fit >= 0.85 and found.left <= rules.toned_curve * found.high:
        return True
    return (
        found.fit >= rules.toned_fit
        and found.left <= rules.toned_left * found.high
        and found.minor <= rules.toned_width * found.high
    )
