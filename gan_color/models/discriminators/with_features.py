"""Any discriminator with a critic on pretrained features beside it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gan_color.losses.gan import (
    GanMode,
    ScaleFeatures,
    adversarial_loss,
    approximate_r1,
    discriminator_accuracy,
    discriminator_loss,
)
from gan_color.models.discriminators.base import Discriminator
from gan_color.models.discriminators.feature_critic import FeatureCritic


class WithFeatureCritic(Discriminator):
    """A discriminator and a critic on pretrained features, whose heads' mean counts as one more."""

    def __init__(self, discriminator: Discriminator, critic: FeatureCritic) -> None:
        super().__init__()
        self.discriminator, self.critic = discriminator, critic
        self._share = critic.weight / len(critic.heads)

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        """The discriminator's features, then the critic's logits, a list of one map a stride."""
        return [*self.discriminator(L, ab), *self.critic(L, ab)]

    def _split(self, features: ScaleFeatures) -> tuple[ScaleFeatures, ScaleFeatures]:
        heads = len(self.critic.heads)
        return features[:-heads], features[-heads:]

    def loss(
        self,
        gan_mode: GanMode,
        features: ScaleFeatures,
        is_real: bool,
        weights: Tensor | None = None,
    ) -> Tensor:
        patches, heads = self._split(features)
        alone = self.discriminator.loss(gan_mode, patches, is_real, weights)
        return alone + self._share * discriminator_loss(gan_mode, heads, is_real, weights)

    def approximate_r1(self, features: ScaleFeatures, noisy: ScaleFeatures) -> Tensor:
        (patches, heads), (noisy_patches, noisy_heads) = self._split(features), self._split(noisy)
        alone = self.discriminator.approximate_r1(patches, noisy_patches)
        return alone + self._share * approximate_r1(heads, noisy_heads)

    def adversarial_loss(self, gan_mode: GanMode, fake: ScaleFeatures) -> Tensor:
        patches, heads = self._split(fake)
        alone = self.discriminator.adversarial_loss(gan_mode, patches)
        return alone + self.critic.openness() * self._share * adversarial_loss(gan_mode, heads)

    def accuracies(
        self, gan_mode: GanMode, real: ScaleFeatures, fake: ScaleFeatures
    ) -> dict[str, Tensor]:
        (patches, heads), (fake_patches, fake_heads) = self._split(real), self._split(fake)
        found = self.discriminator.accuracies(gan_mode, patches, fake_patches)
        of_heads = discriminator_accuracy(gan_mode, heads, fake_heads)
        return {**found, "accuracy_features": torch.stack(of_heads).mean()}

    def end_update(self, accuracies: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.critic.gate is None:
            return {}
        self.critic.update_accuracy(accuracies["accuracy_features"])
        return {"feature_gate": self.critic.openness()}
