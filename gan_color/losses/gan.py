"""Adversarial losses and feature matching: functions of discriminator features.

Every loss is a mean over images, so that accumulating over parts of a batch, or averaging over
ranks, equals the loss of the whole batch.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

GanMode = Literal["lsgan", "hinge", "vanilla", "relativistic"]
# One list of feature maps per scale of the discriminator; the last map of each is its logits.
ScaleFeatures = list[list[Tensor]]


def _lsgan(logits: Tensor, target_is_real: bool) -> Tensor:
    """Least squares: Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 2 (a=0, b=c=1)."""
    return (logits - float(target_is_real)).square()


def _vanilla(logits: Tensor, target_is_real: bool) -> Tensor:
    """Cross-entropy, non-saturating: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661."""
    return F.softplus(-logits if target_is_real else logits)


def _hinge(logits: Tensor, target_is_real: bool) -> Tensor:
    """Hinge: Lim and Ye 2017, https://arxiv.org/abs/1705.02894."""
    return F.relu(1 - logits if target_is_real else 1 + logits)


# What each logit costs.
_GAN_MODES: dict[str, Callable[[Tensor, bool], Tensor]] = {
    "lsgan": _lsgan,
    "vanilla": _vanilla,
    "hinge": _hinge,
    "relativistic": _vanilla,  # of `relative` logits
}


def relative(features: ScaleFeatures, others: ScaleFeatures) -> ScaleFeatures:
    """Features whose logits are those of images less those of their partners, which get no
    gradient: the real image's of a fake, the fake's of a real one. Relativistic pairing:
    Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; R3GAN, Huang et al. 2024,
    https://arxiv.org/abs/2501.05441.
    """
    pairs = zip(features, others, strict=True)
    return [[*f[:-1], f[-1].float() - o[-1].detach().float()] for f, o in pairs]


def discriminator_loss(
    gan_mode: GanMode, features: ScaleFeatures, is_real: bool, weights: Tensor | None = None
) -> Tensor:
    """Half of what real (or fake) images cost, summed over scales. Discriminators minimize the
    sum of the two: pix2pixHD, https://arxiv.org/abs/1711.11585. `weights` [B] are the images'.
    """
    costs = [_GAN_MODES[gan_mode](maps[-1].float(), is_real) for maps in features]
    return 0.5 * torch.stack([_weighted_mean(cost, weights) for cost in costs]).sum()


def direction_loss(logits: list[Tensor], is_real: bool, weights: Tensor | None = None) -> Tensor:
    """What SAN's last layers minimize besides, of one map [B, 1, h, w] a scale, halved and summed
    in the same way: they turn to where the means of real and fake features lie farthest apart.
    Takida et al. 2024, https://arxiv.org/abs/2301.12811.
    """
    sign = -1.0 if is_real else 1.0
    return 0.5 * sign * torch.stack([_weighted_mean(x.float(), weights) for x in logits]).sum()


def _weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    if weights is not None:
        values = values * weights.view(-1, *[1] * (values.ndim - 1))
    return values.mean()


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
    costs = [_GAN_MODES[gan_mode](f[-1].float(), True).mean() for f in fake]
    return torch.stack(costs).sum()


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


def _threshold(gan_mode: GanMode) -> float:
    return 0.5 if gan_mode == "lsgan" else 0.0


def mean_sign(gan_mode: GanMode, real: ScaleFeatures) -> Tensor:
    """Mean over scales of the share of real patches taken for real less that of the others: -1 to
    1. It rises as discriminators overfit: Karras et al. 2020, https://arxiv.org/abs/2006.06676.
    """
    threshold = _threshold(gan_mode)
    signs = [(maps[-1].float() - threshold).sign().mean() for maps in real]
    return torch.stack(signs).mean()


def discriminator_accuracy(
    gan_mode: GanMode, real: ScaleFeatures, fake: ScaleFeatures
) -> list[Tensor]:
    """Share of patches classified correctly, per scale, finest first: 0.5 is chance."""
    if gan_mode == "relativistic":
        real, fake = relative(real, fake), relative(fake, real)
    threshold = _threshold(gan_mode)
    return [
        0.5 * ((r[-1] > threshold).float().mean() + (f[-1] <= threshold).float().mean())
        for r, f in zip(real, fake, strict=True)
    ]
