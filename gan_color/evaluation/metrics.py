"""Image quality of single images against the truth. Distances between sets of images are in
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

from gan_color.color.lab import rgb_to_lab, to_float
from gan_color.losses import color

SSIM_BORDER = 5  # half of the window of 11
RED, NOT_RED = 60, 30  # R - max(G, B)
NEAR_GRAY = 5.0  # chroma C*ab below which a pixel looks gray beside a colorized one


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB; infinite for equal images."""
    error = (image.float() - truth.float()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(255.0**2 / error)


def ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), mean over R, G and B: Gaussian window of 11 x 11
    and sigma 1.5, by torchmetrics. 1 for equal images. H and W are at least 11.
    """
    _, pixels = structural_similarity_index_measure(
        image.float(), truth.float(), data_range=255.0, return_full_image=True
    )
    # Only where the whole window lies in the image, as in the paper and in DDColor.
    inner: Tensor = pixels[..., SSIM_BORDER:-SSIM_BORDER, SSIM_BORDER:-SSIM_BORDER]
    return inner.flatten(1).mean(dim=1)


def colorfulness(image: Tensor) -> Tensor:
    """Colorfulness as the literature counts it, of absolute differences: "cf_abs"
    (gan_color.losses.color.colorfulness).
    """
    return color.colorfulness(to_float(image))


def colorfulness_signed(image: Tensor) -> Tensor:
    """Colorfulness as Hasler and Suesstrunk 2003 define it (section 4, M3): signed differences."""
    r, g, b = image.float().unbind(1)
    rg, yb = (r - g).flatten(1), (0.5 * (r + g) - b).flatten(1)
    spread = (rg.var(dim=1) + yb.var(dim=1)).sqrt()
    center = (rg.mean(dim=1).square() + yb.mean(dim=1).square()).sqrt()
    total: Tensor = spread + 0.3 * center
    return total


def near_gray(image: Tensor) -> Tensor:
    """Share of pixels, 0..1, whose chroma C*ab is below 5."""
    ab = rgb_to_lab(to_float(image))[:, 1:]
    share: Tensor = (ab.norm(dim=1) < NEAR_GRAY).float().flatten(1).mean(dim=1)
    return share


def false_red(image: Tensor, truth: Tensor) -> Tensor:
    """Share of pixels, 0..1, that are strongly red where the truth is not: R - max(G, B) above 60
    against below 30, of 255. What viewers notice first in a colorized face or wall.
    """
    found, true = (x[:, 0].int() - x[:, 1:].amax(dim=1).int() for x in (image, truth))
    wrong = (found > RED) & (true < NOT_RED)
    share: Tensor = wrong.float().flatten(1).mean(dim=1)
    return share


class DeltaE(NamedTuple):
    """CIEDE2000 over an image's pixels: each [B] float64."""

    mean: Tensor
    median: Tensor
    p95: Tensor


def delta_e2000(image: Tensor, truth: Tensor) -> DeltaE:
    """CIEDE2000 color difference (Sharma et al. 2005), by scikit-image.

    One image at a time and in float32, which is three times as fast as the batch in float64 and
    differs from it by 4e-5 at most; NumPy lets go of the interpreter, so threads share the work.
    """
    first, second = (
        rgb_to_lab(to_float(x)).permute(0, 2, 3, 1).cpu().numpy() for x in (image, truth)
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
