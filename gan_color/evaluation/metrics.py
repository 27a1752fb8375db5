"""Image quality of single pictures against the truth. Distances between sets of pictures are in
gan_color.evaluation.distances. Units and ranges: gan_color.color.lab.

All read 8-bit sRGB [B, 3, H, W] (uint8), which is what a person gets to see, and return [B].
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from gan_color.color.lab import rgb8_to_float, rgb_to_lab
from gan_color.losses import color

SSIM_BORDER = 5  # half of the window of 11
NEAR_GREY = 5.0  # chroma C*ab below which a pixel looks grey beside a coloured one


def psnr(picture: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = (picture.float() - truth.float()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(255.0**2 / error)


def ssim(picture: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), mean over R, G and B: Gaussian window of 11 x 11
    and sigma 1.5, by torchmetrics. 1 for equal pictures. H and W are at least 11.
    """
    _, pixels = structural_similarity_index_measure(
        picture.float(), truth.float(), data_range=255.0, return_full_image=True
    )
    # Only where the whole window lies in the picture, as in the paper and in DDColor.
    inner: Tensor = pixels[..., SSIM_BORDER:-SSIM_BORDER, SSIM_BORDER:-SSIM_BORDER]
    return inner.flatten(1).mean(dim=1)


def colorfulness(picture: Tensor) -> Tensor:
    """Colourfulness as the literature counts it, of absolute differences: "cf_abs"
    (gan_color.losses.color.colorfulness).
    """
    return color.colorfulness(rgb8_to_float(picture))


def colorfulness_signed(picture: Tensor) -> Tensor:
    """Colourfulness as Hasler and Suesstrunk 2003 define it (section 4, M3): signed differences."""
    r, g, b = picture.float().unbind(1)
    rg, yb = (r - g).flatten(1), (0.5 * (r + g) - b).flatten(1)
    spread = (rg.var(dim=1) + yb.var(dim=1)).sqrt()
    centre = (rg.mean(dim=1).square() + yb.mean(dim=1).square()).sqrt()
    total: Tensor = spread + 0.3 * centre
    return total


def near_grey(picture: Tensor) -> Tensor:
    """Share of pixels, 0..1, whose chroma C*ab is below 5."""
    ab = rgb_to_lab(rgb8_to_float(picture))[:, 1:]
    share: Tensor = (ab.norm(dim=1) < NEAR_GREY).float().flatten(1).mean(dim=1)
    return share


class DeltaE(NamedTuple):
    """CIEDE2000 over a picture's pixels: each [B] float64."""

    mean: Tensor
    median: Tensor
    p95: Tensor


def delta_e2000(picture: Tensor, truth: Tensor) -> DeltaE:
    """CIEDE2000 colour difference (Sharma et al. 2005), by scikit-image.

    One picture at a time and in float32, which is three times as fast as the batch in float64 and
    differs from it by 4e-5 at most; NumPy lets go of the interpreter, so threads share the work.
    """
    first, second = (
        rgb_to_lab(rgb8_to_float(x)).permute(0, 2, 3, 1).cpu().numpy() for x in (picture, truth)
    )
    with ThreadPoolExecutor(min(len(first), os.cpu_count() or 1)) as pool:
        rows = list(pool.map(_delta_e_figures, first, second))
    return DeltaE(*torch.tensor(rows, dtype=torch.float64).T)


def _delta_e_figures(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[float, float, float]:
    error = deltaE_ciede2000(first, second)
    median, p95 = np.percentile(error, (50, 95))
    return float(error.mean(dtype=np.float64)), float(median), float(p95)
