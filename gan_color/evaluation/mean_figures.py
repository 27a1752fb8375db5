"""What is said of a few images in a line: PSNR, color difference, colorfulness."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_color.evaluation import metrics
from gan_color.evaluation.validation_set import BATCH

PSNR_LIMIT = 100.0  # dB that an equal image counts as, in a mean with others


@dataclass(frozen=True)
class MeanFigures:
    """Means over images: PSNR (dB) and CIEDE2000; `colorfulness` as a share of the truth's."""

    psnr: float
    delta_e2000: float
    colorfulness: float

    def __str__(self) -> str:
        return (
            f"PSNR {self.psnr:.2f} dB, mean CIEDE2000 {self.delta_e2000:.2f}, "
            f"{self.colorfulness:.0%} of the truth's colorfulness"
        )


def mean_figures(images: Tensor, truth: Tensor) -> MeanFigures:
    """Of uint8 images against their truth, both [N, 3, H, W]; the truth has color."""
    pairs = list(zip(images.split(BATCH), truth.split(BATCH), strict=True))
    psnr = torch.cat([metrics.psnr(*pair).clamp(max=PSNR_LIMIT) for pair in pairs]).mean()
    difference = torch.cat([metrics.delta_e2000(*pair).mean for pair in pairs]).mean()
    return MeanFigures(float(psnr), float(difference), colorfulness_share(images, truth))


def colorfulness_share(images: Tensor, truth: Tensor) -> float:
    """Mean colorfulness of images over that of their truth."""
    found, expected = (
        torch.cat([metrics.colorfulness(part) for part in all_of.split(BATCH)]).mean()
        for all_of in (images, truth)
    )
    return float(found / expected)
