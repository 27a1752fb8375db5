"""What every discriminator of a stage is: features from L and ab, and what is made of them."""

from collections.abc import Mapping

from torch import Tensor, nn

from gan_color.losses.gan import (
    GanMode,
    ScaleFeatures,
    adversarial_loss,
    approximate_r1,
    direction_loss,
    discriminator_accuracy,
    discriminator_loss,
)


class Discriminator(nn.Module):
    """Base: L [B, 1, H, W] and ab [B, 2, H, W] -> features per scale, finest first."""

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        raise NotImplementedError

    def loss(
        self,
        gan_mode: GanMode,
        features: ScaleFeatures,
        is_real: bool,
        weights: Tensor | None = None,
    ) -> Tensor:
        """What it minimizes on real (or fake) images, from their features; `weights` [B] are
        the images'.
        """
        found = discriminator_loss(gan_mode, features, is_real, weights)
        logits = self.direction_logits(features)
        return found + direction_loss(logits, is_real, weights) if logits else found

    def direction_logits(self, features: ScaleFeatures) -> list[Tensor]:
        """Logits that teach SAN's last layers their directions, one map a scale; else none."""
        return []

    def approximate_r1(self, features: ScaleFeatures, noisy: ScaleFeatures) -> Tensor:
        """How far it is moved by noise, from its features of images without it and with it."""
        return approximate_r1(features, noisy)

    def adversarial_loss(self, gan_mode: GanMode, fake: ScaleFeatures) -> Tensor:
        """What the generator minimizes."""
        return adversarial_loss(gan_mode, fake)

    def accuracies(
        self, gan_mode: GanMode, real: ScaleFeatures, fake: ScaleFeatures
    ) -> dict[str, Tensor]:
        """How often each discriminator is right, by name."""
        found = discriminator_accuracy(gan_mode, real, fake)
        return {f"accuracy_{i}": value for i, value in enumerate(found)}

    def end_update(self, accuracies: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take note of an update's accuracies, once; returns what else there is to log."""
        return {}
