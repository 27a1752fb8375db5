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
DIRECTIONS = 16
# Second derivatives along x, along y and across; any direction's is a sum of these three.
_BENDS = (
    np.array([[1, -2, 1]], np.float32),
    np.array([[1], [-2], [1]], np.float32),
    np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]], np.float32) / 4,
)
# Laplacian of a Laplacian: blind to edges and slopes (Immerkaer 1996, "Fast noise variance
# estimation"); its response to noise of deviation 1 has deviation 6.
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6


def _tiles(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The tiles [N, TILE, TILE] of an array [H, W]; one smaller tile if it has no room for any."""
    height, width = (max(1, side // TILE) for side in values.shape)
    cut = values[: height * TILE, : width * TILE]
    rows, columns = min(TILE, cut.shape[0]), min(TILE, cut.shape[1])
    tiles = cut.reshape(height, rows, width, columns).transpose(0, 2, 1, 3)
    return tiles.reshape(-1, rows, columns)


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Fine structure of the sharpest tiles, relative to the contrast of the picture [H, W].

    Along the direction that has the least of it: a moving camera blurs along one only. A
    photograph is sharp somewhere, however shallow its focus; plain background does not count.
    """
    values = luma.astype(np.float32)
    tiles = [_tiles(np.asarray(cv2.filter2D(values, -1, kernel), np.float32)) for kernel in _BENDS]
    bends = np.stack([found.reshape(len(found), -1) for found in tiles], axis=1)  # [N, 3, pixels]
    products = bends @ bends.transpose(0, 2, 1) / bends.shape[2]  # [N, 3, 3]
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    cosine, sine = np.cos(angles), np.sin(angles)
    weights = np.stack([cosine**2, sine**2, 2 * cosine * sine], axis=1)  # [DIRECTIONS, 3]
    energy = np.einsum("di,nij,dj->dn", weights, products, weights).clip(0)
    contrast, whole = _tiles(values).std(axis=(1, 2)), float(values.std())
    filled = contrast >= min(np.percentile(contrast, 70), whole / 2)
    sharpest = np.percentile(np.sqrt(energy[:, filled]), 95, axis=1)
    return float(sharpest.min() / (whole + 4))


def noise(luma: NDArray[np.uint8]) -> float:
    """The deviation of noise in the calmest tiles of a picture [H, W], in steps of 8 bits."""
    response = np.asarray(cv2.filter2D(luma.astype(np.float32), -1, _NOISE), np.float32)
    return float(np.percentile(_tiles(response).std(axis=(1, 2)), 15))


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
