"""What happens in a batch: plain torch, driven by any loop (`for batch in batches: step(batch)`).

A step takes one batch, updates its networks once, and returns detached losses by name, "total"
among them. Nothing in a step waits for the device.
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gan_color import distributed
from gan_color.config.stages import AdversarialStage
from gan_color.losses.auxiliary import AuxiliaryLosses, Losses
from gan_color.losses.gan import (
    GanMode,
    ScaleFeatures,
    adversarial_loss,
    discriminator_accuracy,
    discriminator_loss,
    feature_matching_loss,
)
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.memory.moving_buffers import BufferSnapshot, SpectralNorms


class Step(Protocol):
    """One update from one batch, computed in `grad_accum_steps` parts.

    That is the update of the whole batch, but for a BatchNorm that trains: it takes the statistics
    of a part, and moves its running ones once a part.
    """

    grad_accum_steps: int

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """What it trains."""

    def __call__(self, batch: Batch) -> Losses: ...

    def train(self) -> None:
        """Put the networks into the mode this step trains them in."""

    def undo(self) -> None:
        """Leave no trace of an update that failed: neither gradients nor moved buffers."""


def set_training_mode(generator: Colorizer, freeze_encoder: bool, freeze_norm: bool) -> None:
    """Training mode, but for what is frozen: the pretrained part, or every BatchNorm."""
    generator.train()
    if freeze_encoder:
        for module in generator.pretrained_modules():
            module.eval()
    if freeze_norm:
        for module in generator.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


class SupervisedStep:
    """The generator alone, on its own losses and the stage's."""

    def __init__(
        self,
        generator: Colorizer,
        optimizer: AmpOptimizer,
        precision: Precision,
        auxiliary_losses: AuxiliaryLosses | None = None,
        grad_accum_steps: int = 1,
        freeze_encoder: bool = False,
        freeze_norm: bool = False,
        model_loss_weight: float = 1.0,
    ) -> None:
        self.generator, self.optimizer, self.precision = generator, optimizer, precision
        self.auxiliary_losses = auxiliary_losses or AuxiliaryLosses()
        self.model_loss_weight = model_loss_weight
        self.grad_accum_steps = grad_accum_steps
        self.freeze_encoder, self.freeze_norm = freeze_encoder, freeze_norm
        self.networks = (generator,)
        self.spectral_norms, self.buffers = SpectralNorms(generator), BufferSnapshot(generator)

    def train(self) -> None:
        set_training_mode(self.generator, self.freeze_encoder, self.freeze_norm)

    def undo(self) -> None:
        self.optimizer.zero_grad()
        self.buffers.restore()

    def __call__(self, batch: Batch) -> Losses:
        self.buffers.take()
        self.spectral_norms.iterate()
        logged = LossAccumulator(self.grad_accum_steps)
        for part in batch.split(self.grad_accum_steps):
            with self.precision.autocast():
                output = self.generator(part.L)
                losses = model_losses(self.generator, output, part, self.model_loss_weight)
                losses |= self.auxiliary_losses(part.L, self.generator.decode(output), part.ab)
                total = torch.stack(list(losses.values())).sum()
            self.optimizer.backward(total / self.grad_accum_steps)
            logged.add({**losses, "total": total})
        return {**logged.losses, "gradient_norm": self.optimizer.step()}


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
            loss = discriminator_loss(self.gan_mode, features, is_real)
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
            logged.add(accuracies(self.gan_mode, real, fake))
        return {**logged.losses, "gradient_norm_discriminator": self.optimizer.step()}


class AdversarialStep:
    """Generator and discriminators, both from one generator forward (pix2pixHD's order).

    real = D(truth), fake = D(fake) with D frozen, detached = D(fake without gradient). The
    generator's terms come from `fake`, matched against the very same `real`; the discriminators'
    from `real` and `detached`. Each update leaves the other network as it is, to the bit. Each
    backward pass follows its forward pass as soon as it can, and makes room for the next.
    """

    def __init__(
        self,
        generator: Colorizer,
        discriminator: Discriminator,
        generator_optimizer: AmpOptimizer,
        discriminator_optimizer: AmpOptimizer,
        precision: Precision,
        stage: AdversarialStage,
        auxiliary_losses: AuxiliaryLosses | None = None,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.generator_optimizer = generator_optimizer
        self.precision, self.stage, self.grad_accum_steps = precision, stage, stage.grad_accum_steps
        self.auxiliary_losses = auxiliary_losses or AuxiliaryLosses()
        self.discriminator_step = DiscriminatorStep(
            generator, discriminator, discriminator_optimizer, precision, stage.gan_mode
        )
        self.networks = (generator, discriminator)
        self.spectral_norms, self.buffers = SpectralNorms(generator), BufferSnapshot(generator)

    def train(self) -> None:
        set_training_mode(self.generator, self.stage.freeze_encoder, self.stage.freeze_norm)
        self.discriminator.train()

    def undo(self) -> None:
        self._undo_generator()
        self.discriminator_step.undo()

    def _undo_generator(self) -> None:
        self.generator_optimizer.zero_grad()
        self.buffers.restore()

    def __call__(self, batch: Batch) -> Losses:
        for moving in (self, self.discriminator_step):
            moving.buffers.take()
            moving.spectral_norms.iterate()
        parts = self.grad_accum_steps
        logged = LossAccumulator(parts)
        for part in batch.split(parts):
            real_loss, real = self._backward_discriminator(part.L, part.ab, is_real=True)
            output, ab = self.forward(part)
            losses = self.generator_losses(part, output, ab, real)
            real = [maps[-1:] for maps in real]  # the logits; the rest makes room
            self.backward_generator(losses["total"])
            fake_loss, fake = self._backward_discriminator(part.L, ab.detach(), is_real=False)
            logged.add({**losses, "discriminator": real_loss + fake_loss})
            logged.add(accuracies(self.stage.gan_mode, real, fake))
        return {**logged.losses, **self.optimizer_step(logged.losses["discriminator"])}

    def forward(self, part: Batch) -> tuple[Any, Tensor]:
        """The generator's output, and ab [B, 2, H, W] of it."""
        with self.precision.autocast():
            output = self.generator(part.L)
            return output, self.generator.decode(output)

    def generator_losses(self, part: Batch, output: Any, ab: Tensor, real: ScaleFeatures) -> Losses:
        """The generator's losses by name, and their "total"."""
        with self.precision.autocast():
            losses = model_losses(self.generator, output, part, self.stage.model_loss_weight)
            losses |= self.auxiliary_losses(part.L, ab, part.ab)
            losses |= self._adversarial_losses(part.L, ab, real)
            return {**losses, "total": torch.stack(list(losses.values())).sum()}

    def backward_generator(self, total: Tensor) -> None:
        """Add the generator's gradients."""
        self.generator_optimizer.backward(total / self.grad_accum_steps)

    def _backward_discriminator(
        self, L: Tensor, ab: Tensor, is_real: bool
    ) -> tuple[Tensor, ScaleFeatures]:
        step = self.discriminator_step
        return step.backward_discriminator(L, ab, is_real, self.grad_accum_steps)

    def optimizer_step(self, discriminator_loss: Tensor) -> Losses:
        """Update both networks, the generator unless it waits; the norms of their gradients."""
        norms: Losses = {}
        if self._should_update_generator(discriminator_loss):
            norms["gradient_norm"] = self.generator_optimizer.step()
        else:
            self._undo_generator()
        norms["gradient_norm_discriminator"] = self.discriminator_step.optimizer.step()
        return norms

    def _adversarial_losses(self, L: Tensor, ab: Tensor, real: ScaleFeatures) -> Losses:
        self.discriminator.requires_grad_(False)
        try:
            fake = self.discriminator(L, ab)
        finally:
            self.discriminator.requires_grad_(True)
        losses = {
            "adversarial": self.stage.adversarial_weight
            * adversarial_loss(self.stage.gan_mode, fake)
        }
        if self.stage.feature_matching_weight:
            matching = feature_matching_loss(fake, real)
            losses["feature_matching"] = self.stage.feature_matching_weight * matching
        return losses

    def _should_update_generator(self, discriminator_loss: Tensor) -> bool:
        """DeOldify's switch: hold the generator while the discriminators are behind."""
        if not self.stage.generator_update_threshold:
            return True
        return (
            float(distributed.average_value(discriminator_loss))
            <= self.stage.generator_update_threshold
        )


def model_losses(model: Colorizer, output: Tensor, batch: Batch, weight: float) -> Losses:
    """The model's own terms, times the stage's weight for them; none where that is 0."""
    if not weight:
        return {}
    return {name: weight * value for name, value in model.losses(output, batch).items()}


class LossAccumulator:
    """Adds up the losses of a batch's parts, each weighted by its share."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.losses: Losses = {}

    def add(self, losses: Losses) -> None:
        """Add a part's losses, detached."""
        for name, value in losses.items():
            value = value.detach().float() / self.parts
            self.losses[name] = self.losses[name] + value if name in self.losses else value


def accuracies(gan_mode: GanMode, real: list[list[Tensor]], fake: list[list[Tensor]]) -> Losses:
    """How often each discriminator is right, by name."""
    found = discriminator_accuracy(gan_mode, real, fake)
    return {f"accuracy_{i}": value for i, value in enumerate(found)}
