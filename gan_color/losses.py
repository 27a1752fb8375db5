"""Losses, each a plain function of tensors. Units and ranges: gan_color.lab.

Every loss is a mean over images, so that accumulating over parts of a batch, or averaging over
ranks, equals the loss of the whole batch.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_color.errors import GanColorError
from gan_color.lab import AB_SCALE, lab_to_rgb, unscale

Objective = Literal["lsgan", "hinge", "vanilla"]
PixelKind = Literal["l1", "huber", "l2"]
PSNR_FLOOR = 1e-4  # 40 dB: what is better already is not pursued
# One list of feature maps per scale of the discriminator; the last map of each is its logits.
ScaleFeatures = list[list[Tensor]]


# --- Adversarial objectives, on logits -------------------------------------------------------


def _lsgan(logits: Tensor, target_is_real: bool) -> Tensor:
    """Least squares: Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 2 (a=0, b=c=1)."""
    return (logits - float(target_is_real)).square().mean()


def _vanilla(logits: Tensor, target_is_real: bool) -> Tensor:
    """Cross-entropy, non-saturating: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661."""
    return F.softplus(-logits if target_is_real else logits).mean()


def _hinge(logits: Tensor, target_is_real: bool) -> Tensor:
    """Hinge: Lim and Ye 2017, https://arxiv.org/abs/1705.02894."""
    return F.relu(1 - logits if target_is_real else 1 + logits).mean()


_OBJECTIVES: dict[str, Callable[[Tensor, bool], Tensor]] = {
    "lsgan": _lsgan,
    "vanilla": _vanilla,
    "hinge": _hinge,
}


def discriminator_loss(objective: Objective, features: ScaleFeatures, is_real: bool) -> Tensor:
    """Half of what real (or fake) pictures cost, summed over scales. Discriminators minimise the
    sum of the two: pix2pixHD, https://arxiv.org/abs/1711.11585.
    """
    term = _OBJECTIVES[objective]
    return 0.5 * torch.stack([term(maps[-1].float(), is_real) for maps in features]).sum()


def adversarial_loss(objective: Objective, fake: ScaleFeatures) -> Tensor:
    """What the generator minimises, summed over scales."""
    if objective == "hinge":
        return torch.stack([-f[-1].float().mean() for f in fake]).sum()
    return torch.stack([_OBJECTIVES[objective](f[-1].float(), True) for f in fake]).sum()


def feature_matching_loss(fake: ScaleFeatures, real: ScaleFeatures) -> Tensor:
    """L1 between the discriminator's features of fake and real pictures: pix2pixHD, equation 4.

    Every map but the logits counts, with pix2pixHD's weights: 4 / (n_layers + 1) a map, 1 / scales
    a scale, where n_layers + 1 is the number of maps. `real` gets no gradient. 0 on equal inputs.
    """
    total = fake[0][0].new_zeros((), dtype=torch.float32)
    for fake_maps, real_maps in zip(fake, real, strict=True):
        weight = 4.0 / (len(fake_maps) - 1) / len(fake)
        for f, r in zip(fake_maps[:-1], real_maps[:-1], strict=True):
            # |f - r| with a byte a number kept for the backward pass, and the mean in float32:
            # F.l1_loss would keep both maps in float32.
            difference = f - r.detach()
            sign = difference.detach().sign().to(torch.int8)
            total = total + weight * (difference * sign).mean(dtype=torch.float32)
    return total


def discriminator_accuracy(
    objective: Objective, real: ScaleFeatures, fake: ScaleFeatures
) -> list[Tensor]:
    """Share of patches judged rightly, per scale, finest first: 0.5 is guessing, 1 is certain."""
    threshold = 0.5 if objective == "lsgan" else 0.0
    return [
        0.5 * ((r[-1] > threshold).float().mean() + (f[-1] <= threshold).float().mean())
        for r, f in zip(real, fake, strict=True)
    ]


# --- Terms on colours --------------------------------------------------------------------------


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
    spend all its effort on the most colourful pictures, each counts by its relative gain here.
    """
    error = (rgb - truth).square().flatten(1).mean(dim=1)
    return (error + PSNR_FLOOR).log().mean()


def color_difference_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean CIE94 colour difference of ab [B, 2, H, W] (-1..1) from the truth, at equal lightness.

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
    """Colourfulness [B] of sRGB [B, 3, H, W] in 0..1, as the colorization literature counts it.

    Hasler and Suesstrunk 2003 with the absolute differences |R - G| and |(R + G) / 2 - B| that
    DDColor and its peers use, on the scale of 8-bit values (natural photographs: about 38).
    """
    r, g, b = (255.0 * rgb.float()).unbind(1)
    rg = (r - g).abs().flatten(1)
    yb = (0.5 * (r + g) - b).abs().flatten(1)
    spread = (rg.var(dim=1) + yb.var(dim=1) + 1e-6).sqrt()  # the 1e-6 keeps grey differentiable
    centre = (rg.mean(dim=1).square() + yb.mean(dim=1).square() + 1e-6).sqrt()
    return spread + 0.3 * centre


def colorfulness_loss(rgb: Tensor, truth: Tensor) -> Tensor:
    """By how much pictures [B, 3, H, W] are less colourful than the truth, / 255, mean over images.

    After DDColor's equation 8, 1 - CF / 255, which rewards colour without end: with a loss that
    flattens out it makes every picture garish. Here a picture as colourful as its truth is done.
    """
    return F.relu(colorfulness(truth) - colorfulness(rgb)).mean() / 255.0


class PerceptualLoss(nn.Module):
    """L1 between a frozen backbone's features of two pictures: Johnson et al. 2016,
    https://arxiv.org/abs/1603.08155. Without `weights`, those of the maps from shallow to deep
    double, and sum to 1.

    `features` maps sRGB [B, 3, H, W] in 0..1 to a list of feature maps.
    """

    def __init__(self, features: nn.Module, weights: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.weights = weights
        self.features = features.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "PerceptualLoss":
        return super().train(False)  # a frozen judge never updates its statistics

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Both sRGB [B, 3, H, W] in 0..1; gradients reach `prediction` only."""
        with torch.no_grad():
            wanted = self.features(target)
        found = self.features(prediction)
        doubling = [2.0**i / (2.0 ** len(found) - 1) for i in range(len(found))]
        if self.weights and len(self.weights) != len(found):
            raise GanColorError(
                f"perceptual.layer_weights: found {len(self.weights)} numbers, expected "
                f"{len(found)}, one for each map"
            )
        total = torch.zeros((), device=prediction.device)
        for weight, f, w in zip(self.weights or doubling, found, wanted, strict=True):
            total = total + weight * F.l1_loss(f.float(), w.float())
        return total


def to_rgb(L: Tensor, ab: Tensor) -> Tensor:
    """sRGB [B, 3, H, W] in 0..1 of L [B, 1, H, W] and ab [B, 2, H, W] (both -1..1)."""
    return lab_to_rgb(unscale(L, ab))
