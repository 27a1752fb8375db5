"""The losses of a step by name: the model's own, the stage's on the picture, and their sums."""

from torch import Tensor

from gan_color.losses import (
    Objective,
    PerceptualLoss,
    color_difference_loss,
    colorfulness_loss,
    discriminator_accuracy,
    psnr_loss,
    to_rgb,
)
from gan_color.models.base import Batch, Colorizer

Losses = dict[str, Tensor]


class ImageTerms:
    """The stage's own losses on the coloured picture, whichever model coloured it."""

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

    def __call__(self, ab: Tensor, batch: Batch) -> Losses:
        losses: Losses = {}
        if self.difference_weight:
            difference = color_difference_loss(ab, batch.ab)
            losses["color_difference_loss"] = self.difference_weight * difference
        if self.perceptual is None and not self.colorfulness_weight and not self.psnr_weight:
            return losses
        picture, truth = to_rgb(batch.L, ab), to_rgb(batch.L, batch.ab)
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual_weight * self.perceptual(picture, truth)
        if self.colorfulness_weight:
            shortfall = colorfulness_loss(picture, truth)
            losses["colorfulness_loss"] = self.colorfulness_weight * shortfall
        if self.psnr_weight:
            losses["psnr_loss"] = self.psnr_weight * psnr_loss(picture, truth)
        return losses


def own_losses(model: Colorizer, output: Tensor, batch: Batch, weight: float) -> Losses:
    """The model's own terms, times the stage's weight for them; none where that is 0."""
    if not weight:
        return {}
    return {name: weight * value for name, value in model.losses(output, batch).items()}


class LossSum:
    """Adds up the losses of a batch's parts, each weighted by its share."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.losses: Losses = {}

    def add(self, losses: Losses) -> None:
        """Add a part's losses, detached."""
        for name, value in losses.items():
            value = value.detach().float() / self.parts
            self.losses[name] = self.losses[name] + value if name in self.losses else value


def accuracies(objective: Objective, real: list[list[Tensor]], fake: list[list[Tensor]]) -> Losses:
    """How often each discriminator is right, by name."""
    found = discriminator_accuracy(objective, real, fake)
    return {f"accuracy_{i}": value for i, value in enumerate(found)}
