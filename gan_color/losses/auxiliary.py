"""The losses of a stage on the colorized image, whichever model colorized it."""

from torch import Tensor

from gan_color.color.lab import to_rgb
from gan_color.losses.color import color_difference_loss, colorfulness_loss
from gan_color.losses.perceptual import PerceptualLoss
from gan_color.losses.pixel import psnr_loss

Losses = dict[str, Tensor]


class AuxiliaryLosses:
    """The stage's own losses on the colorized image, whichever model colorized it."""

    def __init__(
        self,
        perceptual: PerceptualLoss | None = None,
        perceptual_weight: float = 0.0,
        colorfulness_weight: float = 0.0,
        psnr_weight: float = 0.0,
        difference_weight: float = 0.0,
    ) -> None:
        self.perceptual = perceptual
        self.perceptual_weight = perceptual_weight
        self.colorfulness_weight = colorfulness_weight
        self.psnr_weight = psnr_weight
        self.difference_weight = difference_weight

    def __call__(self, L: Tensor, ab: Tensor, target_ab: Tensor) -> Losses:
        losses: Losses = {}
        if self.difference_weight:
            difference = color_difference_loss(ab, target_ab)
            losses["color_difference_loss"] = self.difference_weight * difference
        if self.perceptual is None and not self.colorfulness_weight and not self.psnr_weight:
            return losses
        image, truth = to_rgb(L, ab), to_rgb(L, target_ab)
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual_weight * self.perceptual(image, truth)
        if self.colorfulness_weight:
            shortfall = colorfulness_loss(image, truth)
            losses["colorfulness_loss"] = self.colorfulness_weight * shortfall
        if self.psnr_weight:
            losses["psnr_loss"] = self.psnr_weight * psnr_loss(image, truth)
        return losses
