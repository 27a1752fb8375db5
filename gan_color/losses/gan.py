"""Adversarial losses and feature matching: functions of discriminator features.

Every loss is a mean over images, so that accumulating over parts of a batch, or averaging over
ranks, equals the loss of the whole batch.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

GanMode = Literal["lsgan", "hinge", "vanilla"]
# One list of feature maps per scale of the discriminator; the last map of each is its logits.
ScaleFeatures = list[list[Tensor]]


def _lsgan(logits: Tensor, target_is_real: bool) -> Tensor:
    """Least squares: Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 2 (a=0, b=c=1)."""
    return (logits - float(target_is_real)).square().mean()


def _vanilla(logits: Tensor, target_is_real: bool) -> Tensor:
    """Cross-entropy, non-saturating: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661."""
    return F.softplus(-logits if target_is_real else logits).mean()


def _hinge(logits: Tensor, target_is_real: bool) -> Tensor:
    """Hinge: Lim and Ye 2017, https://arxiv.org/abs/1705.02894."""
    return F.relu(1 - logits if target_is_real else 1 + logits).mean()


_GAN_MODES: dict[str, Callable[[Tensor, bool], Tensor]] = {
    "lsgan": _lsgan,
    "vanilla": _vanilla,
    "hinge": _hinge,
}


def discriminator_loss(gan_mode: GanMode, features: ScaleFeatures, is_real: bool) -> Tensor:
    """Half of what real (or fake) images cost, summed over scales. Discriminators minimize the
    sum of the two: pix2pixHD, https://arxiv.org/abs/1711.11585.
    """
    term = _GAN_MODES[gan_mode]
    return 0.5 * torch.stack([term(maps[-1].float(), is_real) for maps in features]).sum()


def approximate_r1(features: ScaleFeatures, noisy: ScaleFeatures) -> Tensor:
    """R1 without a second derivative: how far a little noise moves the logits, squared, summed over
    scales. Lin et al. 2025 (Seaweed-APT), https://arxiv.org/abs/2501.08316, section 3.4.
    """
    pairs = zip(features, noisy, strict=True)
    return torch.stack([(f[-1].float() - n[-1].float()).square().mean() for f, n in pairs]).sum()


def adversarial_loss(gan_mode: GanMode, fake: ScaleFeatures) -> Tensor:
    """What the generator minimizes, summed over scales."""
    if gan_mode == "hinge":
        return torch.stack([-f[-1].float().mean() for f in fake]).sum()
    return torch.stack([_GAN_MODES[gan_mode](f[-1].float(), True) for f in fake]).sum()


def feature_matching_loss(fake: ScaleFeatures, real: ScaleFeatures) -> Tensor:
    """L1 between the discriminator's features of fake and real images: pix2pixHD, equation 4.

    Every map but the logits counts, with pix2pixHD's weights: 4 / (n_layers + 1) a map, 1 / scales
    a scale, where n_layers + 1 is the number of maps. `real` gets no gradient. 0 on equal inputs.
    Scales that have logits alone do not count.
    """
    total = fake[0][0].new_zeros((), dtype=torch.float32)
    matched = [maps for maps in zip(fake, real, strict=True) if len(maps[0]) > 1]
    for fake_maps, real_maps in matched:
        weight = 4.0 / (len(fake_maps) - 1) / len(matched)
        for f, r in zip(fake_maps[:-1], real_maps[:-1], strict=True):
            # |f - r| with a byte a number kept for the backward pass, and the mean in float32:
            # F.l1_loss would keep both maps in float32.
            difference = f - r.detach()
            sign = difference.detach().sign().to(torch.int8)
            total = total + weight * (difference * sign).mean(dtype=torch.float32)
    return total


def discriminator_accuracy(
    gan_mode: GanMode, real: ScaleFeatures, fake: ScaleFeatures
) -> list[Tensor]:
    """Share of patches classified correctly, per scale, finest first: 0.5 is chance."""
    threshold = 0.5 if gan_mode == "lsgan" else 0.0
    return [
        0.5 * ((r[-1] > threshold).float().mean() + (f[-1] <= threshold).float().mean())
        for r, f in zip(real, fake, strict=True)
    ]
