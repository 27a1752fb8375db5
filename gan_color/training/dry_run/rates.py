"""The learning rates of a whole run, group by group, before any of it is trained."""

from typing import NamedTuple

import numpy as np

from gan_color.config.stages import AdversarialStage, Stage
from gan_color.training.amp import AmpOptimizer
from gan_color.training.callbacks.rates import learning_rates
from gan_color.training.callbacks.updates import follow_rate
from gan_color.training.schedules import rate_schedule
from gan_color.training.steps import Step

POINTS = 201


class StageRates(NamedTuple):
    """A stage's rates: `done` are shares of it, `rates` the rate at each of them by the name of
    its column in log.csv.
    """

    stage: str
    images: int
    done: list[float]
    rates: dict[str, list[float]]


def stage_rates(
    stage: Stage, images: int, step: Step, optimizers: dict[str, AmpOptimizer], points: int = POINTS
) -> StageRates:
    """The rates of a stage of so many images, by the schedule that its training follows."""
    leader = next(iter(optimizers.values())).optimizer
    schedule = rate_schedule(stage, np.array([group["lr"] for group in leader.param_groups]))
    done = [float(x) for x in np.linspace(0, 1, points)]
    found: dict[str, list[float]] = {}
    for share in done:
        for group, rate in zip(leader.param_groups, schedule(share), strict=True):
            group["lr"] = float(rate)
        if isinstance(stage, AdversarialStage):
            follow_rate(optimizers["discriminator"].optimizer, leader, stage.discriminator_lr_mult)
        for name, rate in learning_rates(leader, step).items():
            found.setdefault(name, []).append(rate)
    return StageRates(stage.name, images, done, found)
