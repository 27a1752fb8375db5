"""Detect blurred, enlarged, noisy and over-compressed pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scrapers.checks.rules import Rules
from scrapers.errors import Verdict

TILE = 32
CENTER = 384  # pixels of the middle in which noise is measured
GRAIN = 1.2  # steps of noise that no blurred picture has
# Laplacian of a Laplacian: blind to edges and slopes (Immerkaer 1996, "Fast noise variance
# estimation"); its response to noise of deviation 1 has deviation 6.
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6


def _tiles(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The standard deviation of each tile [N] of an array [H, W]."""
    height, width = (max(1, side // TILE) for side in values.shape)
    cut = values[: height * TILE, : width * TILE]
    rows, columns = min(TILE, cut.shape[0]), min(TILE, cut.shape[1])
    tiles = cut.reshape(height, rows, width, columns)
    return np.asarray(tiles.std(axis=(1, 3)).ravel(), np.float32)


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Fine structure of the sharpest tiles, relative to the contrast of the picture [H, W].

    A photograph is sharp somewhere, however shallow its focus.
    """
    values = np.asarray(luma, np.float32)
    fine = np.asarray(values - cv2.GaussianBlur(values, (0, 0), 1.2), np.float32)
    return float(np.percentile(_tiles(fine), 95) / (values.std() + 4))


def noise(luma: NDArray[np.uint8]) -> float:
    """The deviation of noise in the calmest tiles of a picture [H, W], in steps of 8 bits."""
    response = np.asarray(cv2.filter2D(luma.astype(np.float32), -1, _NOISE), np.float32)
    return float(np.percentile(_tiles(response), 15))


def quality_verdict(
    luma: NDArray[np.uint8], rgb: NDArray[np.uint8], rules: Rules
) -> Verdict | None:
    """Whether a picture is blurred (or enlarged) or noisy.

    Args:
        luma: shrunk and gray [h, w].
        rgb: as it was decoded [H, W, 3]: shrinking takes the noise away.
        rules: the thresholds.
    """
    if min(luma.shape) < 2 * TILE:
        return None
    sharp, grain = sharpness(luma), noise(luma)
    # What is blurred has lost its grain too; clouds with grain are as they should be.
    if sharp < rules.min_sharpness and grain < GRAIN:
        return Verdict("blurry", f"sharpness {sharp:.3f}: blurred or enlarged", sharp)
    top, left = (max(0, (side - CENTER) // 2) for side in rgb.shape[:2])
    center = rgb[top : top + CENTER, left : left + CENTER]
    deviation = noise(np.asarray(cv2.cvtColor(center, cv2.COLOR_RGB2GRAY), np.uint8))
    if deviation > rules.max_noise:
        return Verdict("noisy", f"noise of {deviation:.0f} steps", deviation)
    return None


def compression_verdict(image: Image.Image, rules: Rules) -> Verdict | None:
    """Whether a JPEG's own tables say that it was compressed too far."""
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    # The low frequencies of luma: steps of 1 to 3 at quality 90, of 16 at 50, of 255 at 3.
    step = float(np.mean(tables[min(tables)][:6]))
    if step > rules.max_jpeg_step:
        return Verdict("low-quality", f"JPEG in steps of {step:.0f}", step)
    return None
