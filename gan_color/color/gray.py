"""What counts as a gray photograph: one measure and one threshold for training and evaluation."""

import numpy as np
import torch
from numpy.typing import NDArray

from gan_color.color.lab import rgb_to_lab, to_float

# Below this mean chroma (Lab) an image is gray to the eye; JPEG alone gives a gray one about 1.
GRAY_CHROMA = 3.0


def mean_chroma(rgb: NDArray[np.uint8]) -> float:
    """Mean Lab chroma of an image [H, W, 3], from about 64 x 64 of its pixels."""
    step = max(1, min(rgb.shape[:2]) // 64)
    small = torch.from_numpy(rgb[::step, ::step].copy()).permute(2, 0, 1)[None]
    return float(rgb_to_lab(to_float(small))[:, 1:].norm(dim=1).mean())


def is_gray(rgb: NDArray[np.uint8]) -> bool:
    """Whether a whole photograph [H, W, 3], sRGB, has no color to speak of."""
    return mean_chroma(rgb) < GRAY_CHROMA
