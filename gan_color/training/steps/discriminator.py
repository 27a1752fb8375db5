"""The step of a discriminator stage, whose passes an adversarial step makes too."""

import torch
from torch import Tensor

from gan_color.losses.auxiliary import Losses
from gan_color.losses.gan import GanMode, ScaleFeatures
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.memory.moving_buffers import BufferSnapshot, SpectralNorms
from gan_color.training.steps.base import LossAccumulator


class DiscriminatorStep:
    """The discriminators alone, on real images and the generator's own fakes."""

    def __init__(
        self,
        generator: Colorizer,
        discriminator: Discriminator,
        optimizer: AmpOptimizer,
        precision: Precision,
        gan_mode: GanMode = "lsgan",
        grad_accum_steps: int = 1,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.optimizer, self.precision = optimizer, precision
        self.gan_mode, self.grad_accum_steps = gan_mode, grad_accum_steps
        self.networks = (discriminator,)
        self.spectral_norms = SpectralNorms(discriminator)
        self.buffers = BufferSnapshot(discriminator)

    def train(self) -> None:
        self.generator.eval()
        self.discriminator.train()

    def undo(self) -> None:
        self.optimizer.zero_grad()
        self.buffers.restore()

    def backward_discriminator(
        self, L: Tensor, ab: Tensor, is_real: bool, parts: int
    ) -> tuple[Tensor, ScaleFeatures]:
        """Add the gradients of one pass, whose memory is free then; its loss and features."""
        with self.precision.autocast():
            features = self.discriminator(L, ab)
            loss = self.discriminator.loss(self.gan_mode, features, is_real)
        self.optimizer.backward(loss / parts)
        return loss.detach(), [[found.detach() for found in maps] for maps in features]

    def __call__(self, batch: Batch) -> Losses:
        self.buffers.take()
        self.spectral_norms.iterate()
        logged = LossAccumulator(self.grad_accum_steps)
        for part in batch.split(self.grad_accum_steps):
            with self.precision.autocast(), torch.no_grad():
                ab = self.generator.decode(self.generator(part.L))
            real_loss, real = self.backward_discriminator(
                part.L, part.ab, True, self.grad_accum_steps
            )
            fake_loss, fake = self.backward_discriminator(part.L, ab, False, self.grad_accum_steps)
            loss = real_loss + fake_loss
            logged.add({"total": loss, "discriminator": loss})
            logged.add(self.discriminator.accuracies(self.gan_mode, real, fake))
        norm = self.optimizer.step()
        noted = self.discriminator.end_update(logged.losses)
        return {**logged.losses, **noted, "gradient_norm_discriminator": norm}
