"""From a stage's configuration to its step: optimizers, groups, losses."""

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
from gan_color.losses.auxiliary import AuxiliaryLosses
from gan_color.losses.perceptual import PerceptualLoss
from gan_color.models.backbones import RANDOM, Backbone, VGG16Features
from gan_color.models.base import Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.steps import AdversarialStep, DiscriminatorStep, Step, SupervisedStep
from gan_color.training.steps.regularization import Regularization

HINTS = "hints"  # the name of the optimizer group of the layers that take them


def plan_epochs(stage: Stage, epoch_images: int) -> tuple[int, int]:
    """(epochs, batches per epoch) of a stage: whole batches, about `epoch_images` an epoch, or as
    many as early stopping evaluates after.
    """
    if isinstance(stage, AdversarialStage) and stage.early_stopping:
        epoch_images = stage.early_stopping.eval_every
    epochs = max(1, round(stage.images / epoch_images))
    return epochs, max(1, round(stage.images / epochs / stage.images_per_batch))


def generator_groups(
    generator: Colorizer, stage: SupervisedStage | AdversarialStage
) -> list[dict[str, Any]]:
    """Optimizer groups: rates rise geometrically from encoder_lr_mult x lr at the input to lr
    at the output; layers for hints have the one of `hints.lr_mult`; biases and norms are not
    decayed. Frozen parameters are in no group.
    """
    layers, groups, apart = generator.parameter_groups(), [], set[nn.Parameter]()
    if stage.hints and stage.hints.only:
        return _decay_groups(generator.hint_parameters(), stage.lr * stage.hints.lr_mult)
    if stage.hints and stage.hints.lr_mult != 1:
        taking = generator.hint_parameters()  # none has a bias: all are decayed
        groups.append({"params": taking, "lr": stage.lr * stage.hints.lr_mult, "name": HINTS})
        apart = set(taking)
    for i, layer in enumerate(layers):  # the decoder's comes last: discriminators follow its rate
        depth = i / (len(layers) - 1) if len(layers) > 1 else 1.0
        rate = stage.lr * max(stage.encoder_lr_mult, 1e-8) ** (1 - depth)
        groups += _decay_groups([p for p in layer if p.requires_grad and p not in apart], rate)
    return groups


def _decay_groups(parameters: list[nn.Parameter], rate: float) -> list[dict[str, Any]]:
    """Weights, which are decayed, and biases and norms, which are not."""
    weights = [p for p in parameters if p.ndim > 1]
    rest = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": weights, "lr": rate}] if weights else []
    return groups + ([{"params": rest, "lr": rate, "weight_decay": 0.0}] if rest else [])


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


def _amp_optimizer(
    module: nn.Module,
    groups: list[dict[str, Any]],
    stage: Stage,
    precision: Precision,
    name: str,
    weight_decay: float,
) -> AmpOptimizer:
    fused = precision.device.type in ("cpu", "cuda")
    optimizer = _optimizer(groups, stage, name, weight_decay, fused)
    return AmpOptimizer(module, optimizer, precision, stage.clip_grad_norm)


def _auxiliary_losses(
    stage: SupervisedStage | AdversarialStage,
    precision: Precision,
    channels_last: bool,
    skip_weights: bool,
) -> AuxiliaryLosses:
    weights = stage.colorfulness_weight, stage.psnr_weight, stage.color_difference_weight
    if stage.perceptual is None:
        return AuxiliaryLosses(None, 0.0, *weights)
    loss = create_perceptual(stage.perceptual, skip_weights)
    if not skip_weights:  # fake tensors cannot be moved
        loss = loss.to(precision.device)
        if channels_last:
            loss = loss.to(memory_format=torch.channels_last)
    return AuxiliaryLosses(loss, stage.perceptual.weight, *weights)


def build_step(
    stage: Stage,
    generator: Colorizer,
    discriminator: Discriminator | None,
    precision: Precision,
    channels_last: bool,
    skip_weights: bool = False,
) -> tuple[Step, dict[str, AmpOptimizer]]:
    """A stage's step, and its optimizers by name ("generator", "discriminator"), freshly made.

    The first leads: its optimizer is the one the schedule moves. `skip_weights` leaves out
    the perceptual loss' weights, where fake tensors are counted.
    """
    generator.requires_grad_(True)
    optimizers: dict[str, AmpOptimizer] = {}
    if isinstance(stage, SupervisedStage | AdversarialStage):
        if stage.freeze_encoder:
            for module in generator.pretrained_modules():
                module.requires_grad_(False)
        if stage.hints and stage.hints.only:
            generator.requires_grad_(False)
            for parameter in generator.hint_parameters():
                parameter.requires_grad_(True)
        groups = generator_groups(generator, stage)
        optimizers["generator"] = _amp_optimizer(
            generator, groups, stage, precision, stage.optimizer, stage.weight_decay
        )
    if isinstance(stage, DiscriminatorStage | AdversarialStage):
        assert discriminator is not None
        # An adversarial stage's weight_decay is the generator's.
        decay = stage.weight_decay if isinstance(stage, DiscriminatorStage) else 0.0
        ratio = stage.discriminator_lr_mult if isinstance(stage, AdversarialStage) else 1.0
        rate = ratio * stage.lr
        parameters = list(discriminator.parameters())
        groups = _decay_groups(parameters, rate) if decay else [{"params": parameters, "lr": rate}]
        optimizers["discriminator"] = _amp_optimizer(
            discriminator, groups, stage, precision, "adamw", decay
        )
    step: Step
    if isinstance(stage, SupervisedStage):
        step = SupervisedStep(
            generator,
            optimizers["generator"],
            precision,
            _auxiliary_losses(stage, precision, channels_last, skip_weights),
            stage.grad_accum_steps,
            stage.freeze_encoder,
            stage.freeze_norm,
            stage.model_loss_weight,
            hints_only=bool(stage.hints and stage.hints.only),
        )
        return step, optimizers
    assert discriminator is not None
    if isinstance(stage, AdversarialStage):
        step = AdversarialStep(
            generator,
            discriminator,
            optimizers["generator"],
            optimizers["discriminator"],
            precision,
            stage,
            _auxiliary_losses(stage, precision, channels_last, skip_weights),
        )
    else:
        step = DiscriminatorStep(
            generator,
            discriminator,
            optimizers["discriminator"],
            precision,
            stage.gan_mode,
            stage.grad_accum_steps,
            Regularization.of(stage),
        )
    return step, optimizers


def create_perceptual(config: PerceptualConfig, random: bool = False) -> PerceptualLoss:
    """The loss a stage's `perceptual` section describes; raises GanColorError.

    With `random` weights it costs the same and means nothing: for counting its work.
    """
    weights = RANDOM if random else config.weights
    if config.weights == RANDOM:
        raise GanColorError(
            "perceptual.weights: found 'none', expected 'pretrained' or the path of a .safetensors "
            "file: random features mean nothing"
        )
    if config.backbone == "vgg16_bn":
        features: nn.Module = VGG16Features(weights, config.layers)
    else:
        features = Backbone(config.backbone, weights, 3, dict(config.kwargs), config.remove_modules)
    return PerceptualLoss(features, config.layer_weights)
