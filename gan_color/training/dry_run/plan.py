"""Stage after stage of a run that is not made: images, updates, their time, learning rates."""

from dataclasses import dataclass
from typing import Any

import torch

from gan_color.config.schema import Config
from gan_color.config.stages import Stage
from gan_color.console import console
from gan_color.distributed import choose_device
from gan_color.training import amp
from gan_color.training.builders import plan_epochs
from gan_color.training.callbacks.progress import in_words
from gan_color.training.dry_run.networks import build, rehearse
from gan_color.training.dry_run.rates import StageRates, stage_rates
from gan_color.training.dry_run.timing import UpdateTime, time_update

# What of a stage does not change the cost of an update.
COSTLESS = {
    *("name", "images", "lr", "schedule", "pct_start", "hold_fraction", "milestones", "gamma"),
    *("betas", "weight_decay", "average_from", "augment", "early_stopping", "cycles"),
    *("encoder_lr_mult", "discriminator_lr_mult", "ema_half_life"),
}


@dataclass
class StagePlan:
    """What a stage will do. `time` is of one update, None where it was not measured."""

    stage: Stage
    epochs: int
    batches: int
    time: UpdateTime | None = None
    rates: StageRates | None = None

    @property
    def updates(self) -> int:
        """Batches over all epochs."""
        return self.epochs * self.batches

    @property
    def images(self) -> int:
        """Images that are trained on."""
        return self.updates * self.stage.images_per_batch


def plan_run(config: Config, measure: bool, rates: bool) -> list[StagePlan]:
    """Every stage of the schedule; builds the networks where times or rates are asked for.

    Stages whose updates cost the same are measured once. Writes nothing.
    """
    plans = [
        StagePlan(scheduled.stage, *plan_epochs(scheduled.stage, config.run.epoch_images))
        for scheduled in config.schedule
    ]
    if not (measure or rates):
        return plans
    rehearsal = rehearse(config)
    known: dict[str, UpdateTime] = {}
    for plan in plans:
        step, optimizers = build(rehearsal, plan.stage)
        if measure:
            cost = _cost(plan.stage)
            if cost not in known:
                with console.status(f"measuring {plan.stage.name}"):
                    known[cost] = time_update(rehearsal, plan.stage, step)
            plan.time = known[cost]
        if rates:
            plan.rates = stage_rates(plan.stage, plan.images, step, optimizers)
    return plans


def _cost(stage: Stage) -> str:
    """The same for stages whose updates take as long."""
    kept: dict[str, Any] = stage.model_dump(mode="json", exclude=COSTLESS)
    return repr(sorted(kept.items()))


def describe(config: Config, plans: list[StagePlan]) -> list[str]:
    """The plan in lines: one a stage, one for its time, one for the whole run's."""
    lines = []
    for plan in plans:
        stage = plan.stage
        lines.append(
            f"{stage.name}: {plan.epochs} epochs of {plan.batches} batches of "
            f"{stage.images_per_batch} at {stage.size} px = {plan.images:,} images"
        )
    times = [(plan, plan.time) for plan in plans if plan.time is not None]
    if not times:
        return lines
    for plan, time in times:
        batch = plan.stage.images_per_batch
        part = f" (measured with {time.images} of {batch} images)" if time.images < batch else ""
        lines.append(
            f"{plan.stage.name}: {plan.updates:,} updates of {time.seconds:.3g} s{part}: "
            f"{in_words(plan.updates * time.seconds)}"
        )
    total = sum(plan.updates * time.seconds for plan, time in times)
    lines.append(
        f"the whole run: {in_words(total)} of updates on {_device(config)}; reading images, "
        "validation, snapshots and checkpoints come on top"
    )
    return lines


def _device(config: Config) -> str:
    device = choose_device(config.run.device)
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{name} in {amp.resolve_precision(config.run.precision, device)}"
