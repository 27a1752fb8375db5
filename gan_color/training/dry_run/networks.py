"""The networks of a run that is not made, and the steps of its stages."""

from typing import NamedTuple

import torch

from gan_color.color.ab_bins import BIN_COUNT
from gan_color.config.schema import Config
from gan_color.config.stages import Stage
from gan_color.distributed import choose_device
from gan_color.training import amp
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.builders import build_step
from gan_color.training.networks import Networks
from gan_color.training.steps import AdversarialStep, Step, SupervisedStep


class Rehearsal(NamedTuple):
    """What steps are made of. Weights are random: neither rates nor times depend on them."""

    config: Config
    networks: Networks
    precision: Precision


def rehearse(config: Config) -> Rehearsal:
    """The run's networks on its device; looks for no weights and no images."""
    device = choose_device(config.run.device)
    precision = Precision(amp.resolve_precision(config.run.precision, device), device)
    networks = Networks(config, device, resumed=True)
    if networks.generator.needs_prior:
        networks.generator.set_prior(torch.full((BIN_COUNT,), 1 / BIN_COUNT, dtype=torch.float64))
    if config.run.compile:
        networks.compile()
    return Rehearsal(config, networks, precision)


def build(rehearsal: Rehearsal, stage: Stage) -> tuple[Step, dict[str, AmpOptimizer]]:
    """A stage's step and optimizers, as `build_step` makes them; all on the run's device."""
    networks, channels_last = rehearsal.networks, rehearsal.config.run.channels_last
    step, optimizers = build_step(
        stage,
        networks.generator,
        networks.discriminator,
        rehearsal.precision,
        channels_last,
        skip_weights=True,
    )
    if isinstance(step, SupervisedStep | AdversarialStep):
        perceptual = step.auxiliary_losses.perceptual
        if perceptual is not None:
            perceptual.to(networks.device)
    return step, optimizers
