"""From a stage's configuration to its step: optimisers, groups, losses."""

from typing import Any

import torch
from torch import nn

from gan_color.config.stages import (
    AdversarialStage,
    DiscriminatorStage,
    PerceptualConfig,
    Stage,
    SupervisedStage,
)
from gan_color.errors import GanColorError
from gan_color.losses.auxiliary import ImageTerms
from gan_color.losses.perceptual import PerceptualLoss
from gan_color.models.backbones import RANDOM, Encoder, VGG16Features
from gan_color.models.base import Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import Precision, Updater
from gan_color.training.steps import AdversarialStep, DiscriminatorStep, Step, SupervisedStep


def plan(stage: Stage, epoch_images: int) -> tuple[int, int]:
    """(epochs, batches per epoch) of a stage: whole batches, about `epoch_images` an epoch, or as
    many as its inflection point is looked for after.
    """
    if isinstance(stage, AdversarialStage) and stage.inflection:
        epoch_images = stage.inflection.every
    epochs = max(1, round(stage.images / epoch_images))
    return epochs, max(1, round(stage.images / epochs / stage.images_per_batch))


def generator_groups(
    generator: Colorizer, stage: SupervisedStage | AdversarialStage
) -> list[dict[str, Any]]:
    """Optimiser groups: rates rise geometrically from encoder_lr x lr at the input to lr at the
    output; biases and norms are not decayed. Frozen parameters are in no group.
    """
    layers = generator.parameter_groups()
    groups = []
    for i, layer in enumerate(layers):
        depth = i / (len(layers) - 1) if len(layers) > 1 else 1.0
        rate = stage.lr * max(stage.encoder_lr, 1e-8) ** (1 - depth)
        trained = [p for p in layer if p.requires_grad]
        weights = [p for p in trained if p.ndim > 1]
        rest = [p for p in trained if p.ndim <= 1]
        groups += [{"params": weights, "lr": rate}] if weights else []
        groups += [{"params": rest, "lr": rate, "weight_decay": 0.0}] if rest else []
    return groups


def _optimizer(
    groups: list[dict[str, Any]], stage: Stage, name: str, weight_decay: float, fused: bool
) -> torch.optim.Optimizer:
    if name == "adadelta":  # Zeiler 2012, https://arxiv.org/abs/1212.5701
        return torch.optim.Adadelta(groups, rho=stage.betas[1], weight_decay=weight_decay)
    if name == "rmsprop":
        return torch.optim.RMSprop(groups, alpha=stage.betas[1], weight_decay=weight_decay)
    # Adam adds the decay to the gradient, as L2 does; AdamW takes it off the weights.
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(groups, betas=stage.betas, weight_decay=weight_decay, fused=fused)


def _updater(
    module: nn.Module,
    groups: list[dict[str, Any]],
    stage: Stage,
    precision: Precision,
    name: str,
    weight_decay: float,
) -> Updater:
    fused = precision.device.type in ("cpu", "cuda")
    optimizer = _optimizer(groups, stage, name, weight_decay, fused)
    return Updater(module, optimizer, precision, stage.clip)


def _terms(
    stage: SupervisedStage | AdversarialStage,
    precision: Precision,
    channels_last: bool,
    random_judge: bool,
) -> ImageTerms:
    weights = stage.colorfulness, stage.psnr, stage.color_difference
    if stage.perceptual is None:
        return ImageTerms(None, 0.0, *weights)
    loss = create_perceptual(stage.perceptual, random_judge)
    if not random_judge:  # fake tensors cannot be moved
        loss = loss.to(precision.device)
        if channels_last:
            loss = loss.to(memory_format=torch.channels_last)
    return ImageTerms(loss, stage.perceptual.weight, *weights)


def build_step(
    stage: Stage,
    generator: Colorizer,
    discriminator: Discriminator | None,
    precision: Precision,
    channels_last: bool,
    random_judge: bool = False,
) -> tuple[Step, dict[str, Updater]]:
    """A stage's step, and its updaters by name ("generator", "discriminator"), freshly made.

    The first updater leads: its optimiser is the one the schedule moves. `random_judge` leaves out
    the perceptual loss' weights, where fake tensors are counted.
    """
    generator.requires_grad_(True)
    updaters: dict[str, Updater] = {}
    if isinstance(stage, SupervisedStage | AdversarialStage):
        if stage.freeze_encoder:
            for module in generator.pretrained_modules():
                module.requires_grad_(False)
        groups = generator_groups(generator, stage)
        updaters["generator"] = _updater(
            generator, groups, stage, precision, stage.optimizer, stage.weight_decay
        )
    if isinstance(stage, DiscriminatorStage | AdversarialStage):
        assert discriminator is not None
        ratio = stage.discriminator_lr if isinstance(stage, AdversarialStage) else 1.0
        groups = [{"params": list(discriminator.parameters()), "lr": ratio * stage.lr}]
        # Spectral norm makes the scale of a weight meaningless, so there is nothing to decay.
        updaters["discriminator"] = _updater(discriminator, groups, stage, precision, "adamw", 0.0)
    step: Step
    if isinstance(stage, SupervisedStage):
        step = SupervisedStep(
            generator,
            updaters["generator"],
            precision,
            _terms(stage, precision, channels_last, random_judge),
            stage.accumulate,
            stage.freeze_encoder,
            stage.freeze_norm,
            stage.own,
        )
        return step, updaters
    assert discriminator is not None
    if isinstance(stage, AdversarialStage):
        step = AdversarialStep(
            generator,
            discriminator,
            updaters["generator"],
            updaters["discriminator"],
            precision,
            stage,
            _terms(stage, precision, channels_last, random_judge),
        )
    else:
        step = DiscriminatorStep(
            generator,
            discriminator,
            updaters["discriminator"],
            precision,
            stage.objective,
            stage.accumulate,
        )
    return step, updaters


def create_perceptual(config: PerceptualConfig, random: bool = False) -> PerceptualLoss:
    """The loss a stage's `perceptual` section describes; raises GanColorError.

    With `random` weights it costs the same and judges nothing: for whoever counts its work.
    """
    weights = RANDOM if random else config.weights
    if config.weights == RANDOM:
        raise GanColorError(
            "perceptual.weights: found 'none', expected 'pretrained' or the path of a .safetensors "
            "file: random features judge nothing"
        )
    if config.backbone == "vgg16_bn":
        features: nn.Module = VGG16Features(weights, config.layers)
    else:
        features = Encoder(config.backbone, weights, 3, dict(config.args), config.drop)
    return PerceptualLoss(features, config.layer_weights)
