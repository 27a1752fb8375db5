"""What happens in a batch: plain torch, driven by any loop (`for batch in batches: step(batch)`).

A step takes one batch, updates its networks once, and returns detached losses by name, "total"
among them. Nothing in a step waits for the device.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from gan_color import distributed
from gan_color.config.stages import AdversarialStage
from gan_color.losses.auxiliary import ImageTerms, Losses
from gan_color.losses.gan import (
    Objective,
    ScaleFeatures,
    adversarial_loss,
    discriminator_accuracy,
    discriminator_loss,
    feature_matching_loss,
)
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import Precision, Updater


class Step(Protocol):
    """One update from one batch, computed in `accumulate` parts."""

    accumulate: int

    def __call__(self, batch: Batch) -> Losses: ...

    def train_mode(self) -> None:
        """Put the networks into the mode this step trains them in."""

    def discard(self) -> None:
        """Clear what gradients an update that failed has left."""


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
        updater: Updater,
        precision: Precision,
        terms: ImageTerms | None = None,
        accumulate: int = 1,
        freeze_encoder: bool = False,
        freeze_norm: bool = False,
        own: float = 1.0,
    ) -> None:
        self.generator, self.updater, self.precision = generator, updater, precision
        self.terms, self.own = terms or ImageTerms(), own
        self.accumulate = accumulate
        self.freeze_encoder, self.freeze_norm = freeze_encoder, freeze_norm

    def train_mode(self) -> None:
        set_training_mode(self.generator, self.freeze_encoder, self.freeze_norm)

    def discard(self) -> None:
        self.updater.discard()

    def __call__(self, batch: Batch) -> Losses:
        logged = LossSum(self.accumulate)
        for part in batch.split(self.accumulate):
            with self.precision.autocast():
                output = self.generator(part.L)
                losses = own_losses(self.generator, output, part, self.own)
                losses |= self.terms(part.L, self.generator.decode(output), part.ab)
                total = torch.stack(list(losses.values())).sum()
            self.updater.backward(total / self.accumulate)
            logged.add({**losses, "total": total})
        return {**logged.losses, "gradient_norm": self.updater.step()}


class DiscriminatorStep:
    """The discriminators alone, on real pictures and the generator's own fakes."""

    def __init__(
        self,
        generator: Colorizer,
        discriminator: Discriminator,
        updater: Updater,
        precision: Precision,
        objective: Objective = "lsgan",
        accumulate: int = 1,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.updater, self.precision = updater, precision
        self.objective, self.accumulate = objective, accumulate

    def train_mode(self) -> None:
        self.generator.eval()
        self.discriminator.train()

    def discard(self) -> None:
        self.updater.discard()

    def learn_from(
        self, L: Tensor, ab: Tensor, is_real: bool, parts: int
    ) -> tuple[Tensor, ScaleFeatures]:
        """Add the gradients of one pass, whose memory is free then; its loss and features."""
        with self.precision.autocast():
            features = self.discriminator(L, ab)
            loss = discriminator_loss(self.objective, features, is_real)
        self.updater.backward(loss / parts)
        return loss.detach(), [[found.detach() for found in maps] for maps in features]

    def __call__(self, batch: Batch) -> Losses:
        logged = LossSum(self.accumulate)
        for part in batch.split(self.accumulate):
            with self.precision.autocast(), torch.no_grad():
                ab = self.generator.decode(self.generator(part.L))
            real_loss, real = self.learn_from(part.L, part.ab, True, self.accumulate)
            fake_loss, fake = self.learn_from(part.L, ab, False, self.accumulate)
            loss = real_loss + fake_loss
            logged.add({"total": loss, "discriminator": loss})
            logged.add(accuracies(self.objective, real, fake))
        return {**logged.losses, "gradient_norm_discriminator": self.updater.step()}


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
        generator_updater: Updater,
        discriminator_updater: Updater,
        precision: Precision,
        stage: AdversarialStage,
        terms: ImageTerms | None = None,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.generator_updater = generator_updater
        self.precision, self.stage, self.accumulate = precision, stage, stage.accumulate
        self.terms = terms or ImageTerms()
        self.judges = DiscriminatorStep(
            generator, discriminator, discriminator_updater, precision, stage.objective
        )

    def train_mode(self) -> None:
        set_training_mode(self.generator, self.stage.freeze_encoder, self.stage.freeze_norm)
        self.discriminator.train()

    def discard(self) -> None:
        self.generator_updater.discard()
        self.judges.discard()

    def __call__(self, batch: Batch) -> Losses:
        parts = self.accumulate
        logged = LossSum(parts)
        for part in batch.split(parts):
            real_loss, real = self.judges.learn_from(part.L, part.ab, True, parts)
            with self.precision.autocast():
                output = self.generator(part.L)
                ab = self.generator.decode(output)
                losses = own_losses(self.generator, output, part, self.stage.own)
                losses |= self.terms(part.L, ab, part.ab)
                losses |= self._adversarial_terms(part.L, ab, real)
                total = torch.stack(list(losses.values())).sum()
            real = [maps[-1:] for maps in real]
            self.generator_updater.backward(total / parts)
            fake_loss, fake = self.judges.learn_from(part.L, ab.detach(), False, parts)
            logged.add({**losses, "total": total, "discriminator": real_loss + fake_loss})
            logged.add(accuracies(self.stage.objective, real, fake))
        norms: Losses = {}
        if self._generator_may_move(logged.losses["discriminator"]):
            norms["gradient_norm"] = self.generator_updater.step()
        else:
            self.generator_updater.discard()
        norms["gradient_norm_discriminator"] = self.judges.updater.step()
        return {**logged.losses, **norms}

    def _adversarial_terms(self, L: Tensor, ab: Tensor, real: ScaleFeatures) -> Losses:
        self.discriminator.requires_grad_(False)
        try:
            fake = self.discriminator(L, ab)
        finally:
            self.discriminator.requires_grad_(True)
        losses = {"adversarial": self.stage.gan * adversarial_loss(self.stage.objective, fake)}
        if self.stage.feature_matching:
            matching = feature_matching_loss(fake, real)
            losses["feature_matching"] = self.stage.feature_matching * matching
        return losses

    def _generator_may_move(self, discriminator_loss: Tensor) -> bool:
        """DeOldify's switch: hold the generator while the discriminators are behind."""
        if not self.stage.catch_up:
            return True
        return float(distributed.average_value(discriminator_loss)) <= self.stage.catch_up


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
