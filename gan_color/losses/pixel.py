"""Losses of a pixel's value: L1, L2, Huber on ab, and PSNR on sRGB."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

PixelKind = Literal["l1", "huber", "l2"]
PSNR_FLOOR = 1e-4  # 40 dB: what is better already is not pursued


def pixel_loss(
    prediction: Tensor,
    target: Tensor,
    kind: PixelKind = "huber",
    delta: float = 0.1,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean distance of ab [B, 2, H, W] from the truth, in ab units (1 = 110 of a* or b*).

    "huber" is divided by delta, so that its slope far from 0 is that of "l1".
    `weight` [B, 1, H, W] multiplies each pixel's term.
    """
    prediction, target = prediction.float(), target.float()
    if kind == "l1":
        error = F.l1_loss(prediction, target, reduction="none")
    elif kind == "l2":
        error = F.mse_loss(prediction, target, reduction="none")
    else:
        error = F.huber_loss(prediction, target, reduction="none", delta=delta) / delta
    return (error if weight is None else error * weight).mean()


def psnr_loss(rgb: Tensor, truth: Tensor) -> Tensor:
    """Mean over images of log(mean squared error) of sRGB [B, 3, H, W] in 0..1: -PSNR / 4.34 dB.

    Chen et al. 2021, HINet, https://arxiv.org/abs/2105.06086. Where the mean squared error would
    spend all its effort on the most colorful images, each counts by its relative gain here.
    """
    error = (rgb - truth).square().flatten(1).mean(dim=1)
    return (error + PSNR_FLOOR).log().mean()
