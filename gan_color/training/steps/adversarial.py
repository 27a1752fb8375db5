"""The step of an adversarial stage: generator against discriminators."""

from typing import Any

import torch
from torch import Tensor

from gan_color import distributed
from gan_color.config.stages import AdversarialStage
from gan_color.losses.auxiliary import AuxiliaryLosses, Losses
from gan_color.losses.gan import ScaleFeatures, feature_matching_loss, mean_sign, relative
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.memory.moving_buffers import BufferSnapshot, SpectralNorms
from gan_color.training.steps.base import LossAccumulator, model_losses, set_training_mode
from gan_color.training.steps.discriminator import DiscriminatorStep, add_losses
from gan_color.training.steps.regularization import (
    NOTHING,
    AdaptivePseudoAugmentation,
    Draws,
    Regularization,
)


class AdversarialStep:
    """Generator and discriminators, both from one generator forward (pix2pixHD's order).

    real = D(truth), fake = D(fake) with D frozen, detached = D(fake without gradient). The
    generator's terms come from `fake`, matched against the very same `real`; the discriminators'
    from `real` and `detached`. Each update leaves the other network as it is, to the bit. Each
    backward pass follows its forward pass as soon as it can, and makes room for the next; where
    logits are compared in pairs (`gan_mode: relativistic`), the generator goes first.
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
            generator,
            discriminator,
            discriminator_optimizer,
            precision,
            stage.gan_mode,
            regularization=Regularization.of(stage),
        )
        self.apa: AdaptivePseudoAugmentation | None = None
        if stage.apa_target is not None:
            self.apa = AdaptivePseudoAugmentation(
                stage.apa_target, stage.apa_images, precision.device
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

    def state_dict(self) -> dict[str, float]:
        return {"apa_probability": float(self.apa.probability)} if self.apa else {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        if self.apa:
            self.apa.probability.fill_(state["apa_probability"])

    def __call__(self, batch: Batch) -> Losses:
        for moving in (self, self.discriminator_step):
            moving.buffers.take()
            moving.spectral_norms.iterate()
        parts = self.grad_accum_steps
        logged = LossAccumulator(parts)
        draws = self._draw(batch)
        for part, drawn in zip(batch.split(parts), draws.split(parts), strict=True):
            made = self.forward(part) if self.stage.gan_mode == "relativistic" else None
            ahead = self.discriminator_step.logits_ahead(part.L, made[1], drawn) if made else None
            real_losses, real = self._backward_discriminator(part.L, part.ab, True, drawn, ahead)
            output, ab = made or self.forward(part)
            losses = self.generator_losses(part, output, ab, real, drawn)
            real = [maps[-1:] for maps in real]  # the logits; the rest makes room
            if self.apa:
                logged.add({"mean_sign": mean_sign(self.stage.gan_mode, real)})
            self.backward_generator(losses["total"])
            fake_losses, fake = self._backward_discriminator(
                part.L, ab.detach(), False, drawn, real if ahead else None
            )
            logged.add({**losses, **add_losses(real_losses, fake_losses)})
            logged.add(self.discriminator.accuracies(self.stage.gan_mode, real, fake))
        norms = self.optimizer_step(logged.losses["discriminator"])
        noted = self.discriminator.end_update(logged.losses)
        if self.apa:
            self.apa.update(logged.losses["mean_sign"], len(batch))
            noted["apa_probability"] = self.apa.probability
        return {**logged.losses, **noted, **norms}

    def _draw(self, batch: Batch) -> Draws:
        draws = self.discriminator_step.regularization.draw(batch.ab)
        return draws._replace(pseudo_real=self.apa.draw(len(batch))) if self.apa else draws

    def forward(self, part: Batch) -> tuple[Any, Tensor]:
        """The generator's output, and ab [B, 2, H, W] of it."""
        with self.precision.autocast():
            output = self.generator.run(part.L, part.hints)
            return output, self.generator.decode(output)

    def generator_losses(
        self, part: Batch, output: Any, ab: Tensor, real: ScaleFeatures, drawn: Draws = NOTHING
    ) -> Losses:
        """The generator's losses by name, and their "total"."""
        with self.precision.autocast():
            losses = model_losses(self.generator, output, part, self.stage.model_loss_weight)
            losses |= self.auxiliary_losses(part.L, ab, part.ab)
            losses |= self._adversarial_losses(part.L, ab, real, drawn)
            return {**losses, "total": torch.stack(list(losses.values())).sum()}

    def backward_generator(self, total: Tensor) -> None:
        """Add the generator's gradients."""
        self.generator_optimizer.backward(total / self.grad_accum_steps)

    def _backward_discriminator(
        self,
        L: Tensor,
        ab: Tensor,
        is_real: bool,
        drawn: Draws,
        others: ScaleFeatures | None,
    ) -> tuple[Losses, ScaleFeatures]:
        step = self.discriminator_step
        return step.backward_discriminator(L, ab, is_real, self.grad_accum_steps, drawn, others)

    def optimizer_step(self, discriminator_loss: Tensor) -> Losses:
        """Update both networks, the generator unless it waits; the norms of their gradients."""
        norms: Losses = {}
        if self._should_update_generator(discriminator_loss):
            norms["gradient_norm"] = self.generator_optimizer.step()
        else:
            self._undo_generator()
        norms["gradient_norm_discriminator"] = self.discriminator_step.optimizer.step()
        return norms

    def _adversarial_losses(
        self, L: Tensor, ab: Tensor, real: ScaleFeatures, drawn: Draws
    ) -> Losses:
        self.discriminator.requires_grad_(False)
        try:
            fake = self.discriminator_step.see(L, ab, drawn)
        finally:
            self.discriminator.requires_grad_(True)
        seen = relative(fake, real) if self.stage.gan_mode == "relativistic" else fake
        adversarial = self.discriminator.adversarial_loss(self.stage.gan_mode, seen)
        losses = {"adversarial": self.stage.adversarial_weight * adversarial}
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
