"""The step of a discriminator stage, whose passes an adversarial step makes too."""

import torch
from torch import Tensor

from gan_color.losses.auxiliary import Losses
from gan_color.losses.gan import GanMode, ScaleFeatures, relative
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.memory.moving_buffers import BufferSnapshot, SpectralNorms
from gan_color.training.steps.base import LossAccumulator, OneNetworkStep
from gan_color.training.steps.regularization import NOTHING, Draws, Regularization, translate


class DiscriminatorStep(OneNetworkStep):
    """The discriminators alone, on real images and the generator's own fakes."""

    def __init__(
        self,
        generator: Colorizer,
        discriminator: Discriminator,
        optimizer: AmpOptimizer,
        precision: Precision,
        gan_mode: GanMode = "lsgan",
        grad_accum_steps: int = 1,
        regularization: Regularization | None = None,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.optimizer, self.precision = optimizer, precision
        self.gan_mode, self.grad_accum_steps = gan_mode, grad_accum_steps
        self.regularization = regularization or Regularization()
        self.networks = (discriminator,)
        self.spectral_norms = SpectralNorms(discriminator)
        self.buffers = BufferSnapshot(discriminator)

    def train(self) -> None:
        self.generator.eval()
        self.discriminator.train()

    def see(self, L: Tensor, ab: Tensor, drawn: Draws) -> ScaleFeatures:
        """The discriminators' features of images, which are moved as it was drawn."""
        if drawn.shift is not None:
            L, ab = translate(L, drawn.shift), translate(ab, drawn.shift)
        features: ScaleFeatures = self.discriminator(L, ab)
        return features

    def logits_ahead(self, L: Tensor, ab: Tensor, drawn: Draws) -> ScaleFeatures | None:
        """Fakes' logits ahead of their pass, where real images' are compared with them."""
        if self.gan_mode != "relativistic":
            return None
        with self.precision.autocast(), torch.no_grad():
            return [maps[-1:] for maps in self.see(L, ab, drawn)]

    def backward_discriminator(
        self,
        L: Tensor,
        ab: Tensor,
        is_real: bool,
        parts: int,
        drawn: Draws = NOTHING,
        others: ScaleFeatures | None = None,
    ) -> tuple[Losses, ScaleFeatures]:
        """Add the gradients of one pass, whose memory is free then; its losses and features.

        `others`: the logits of the images' partners, which these are compared with.
        """
        noise = drawn.real_noise if is_real else drawn.fake_noise
        with self.precision.autocast():
            features = self.see(L, ab, drawn)
            compared = features if others is None else relative(features, others)
            total = self._loss(compared, is_real, drawn.pseudo_real)
            losses = {"discriminator": total.detach()}
            if noise is not None:
                noisy = self.see(L, ab + noise, drawn)
                penalty = self.discriminator.approximate_r1(features, noisy)
                losses["r1"] = self.regularization.r1_weight * penalty.detach()
                total = total + self.regularization.r1_weight * penalty
        self.optimizer.backward(total / parts)
        return losses, [[found.detach() for found in maps] for maps in features]

    def _loss(self, features: ScaleFeatures, is_real: bool, pseudo_real: Tensor | None) -> Tensor:
        loss, gan_mode = self.discriminator.loss, self.gan_mode
        if pseudo_real is None:
            return loss(gan_mode, features, is_real)
        if is_real:
            return loss(gan_mode, features, True, 1.0 - pseudo_real)
        return loss(gan_mode, features, False) + loss(gan_mode, features, True, pseudo_real)

    def __call__(self, batch: Batch) -> Losses:
        self.buffers.take()
        self.spectral_norms.iterate()
        parts = self.grad_accum_steps
        logged = LossAccumulator(parts)
        draws = self.regularization.draw(batch.ab)
        for part, drawn in zip(batch.split(parts), draws.split(parts), strict=True):
            with self.precision.autocast(), torch.no_grad():
                ab = self.generator.decode(self.generator(part.L))
            ahead = self.logits_ahead(part.L, ab, drawn)
            real_losses, real = self.backward_discriminator(
                part.L, part.ab, True, parts, drawn, ahead
            )
            fake_losses, fake = self.backward_discriminator(
                part.L, ab, False, parts, drawn, real if ahead else None
            )
            losses = add_losses(real_losses, fake_losses)
            logged.add({"total": torch.stack(list(losses.values())).sum(), **losses})
            logged.add(self.discriminator.accuracies(self.gan_mode, real, fake))
        norm = self.optimizer.step()
        noted = self.discriminator.end_update(logged.losses)
        return {**logged.losses, **noted, "gradient_norm_discriminator": norm}


def add_losses(real: Losses, fake: Losses) -> Losses:
    """Each loss on real images, and on fakes where it is taken there."""
    return {name: value + fake[name] if name in fake else value for name, value in real.items()}
