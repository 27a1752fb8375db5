"""Losses of color: CIE94 difference and colorfulness."""

import torch.nn.functional as F
from torch import Tensor

from gan_color.color.lab import AB_SCALE


def color_difference_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean CIE94 color difference of ab [B, 2, H, W] (-1..1) from the truth, at equal lightness.

    CIE 116-1995, with its graphic arts constants: an error counts less the more chroma the truth
    has. Unlike squared errors in RGB it minds a tint on what is neutral. A difference of 1 is about
    as much as an eye can tell.
    """
    found, wanted = AB_SCALE * prediction.float(), AB_SCALE * truth.float()
    chroma = (found.square().sum(dim=1) + 1e-4).sqrt()  # 1e-4 keeps neutral differentiable
    reference = (wanted.square().sum(dim=1) + 1e-4).sqrt()
    by_chroma = (chroma - reference).square()
    by_hue = ((found - wanted).square().sum(dim=1) - by_chroma).clamp(min=0)
    scaled = by_chroma / (1 + 0.045 * reference) ** 2 + by_hue / (1 + 0.015 * reference) ** 2
    return (scaled + 1e-4).sqrt().mean()


def colorfulness(rgb: Tensor) -> Tensor:
    """Colorfulness [B] of sRGB [B, 3, H, W] in 0..1, as the colorization literature counts it.

    Hasler and Suesstrunk 2003 with the absolute differences |R - G| and |(R + G) / 2 - B| that
    DDColor and its peers use, on the scale of 8-bit values (natural photographs: about 38).
    """
    r, g, b = (255.0 * rgb.float()).unbind(1)
    rg = (r - g).abs().flatten(1)
    yb = (0.5 * (r + g) - b).abs().flatten(1)
    spread = (rg.var(dim=1) + yb.var(dim=1) + 1e-6).sqrt()  # the 1e-6 keeps gray differentiable
    center = (rg.mean(dim=1).square() + yb.mean(dim=1).square() + 1e-6).sqrt()
    return spread + 0.3 * center


def colorfulness_loss(rgb: Tensor, truth: Tensor) -> Tensor:
    """By how much images [B, 3, H, W] are less colorful than the truth, / 255, mean over images.

    After DDColor's equation 8, 1 - CF / 255, which rewards color without end: with a loss that
    flattens out it makes every image garish. Here an image as colorful as its truth is done.
    """
    return F.relu(colorfulness(truth) - colorfulness(rgb)).mean() / 255.0
