"""The learning-rate range test of Smith 2015 (https://arxiv.org/abs/1506.01186), on one stage."""

import math
from pathlib import Path

from fastai.callback.core import CancelFitException
from fastai.callback.schedule import ParamScheduler, SchedExp, valley
from fastai.torch_core import tensor

from gan_color.atomic import write_bytes
from gan_color.config.schema import Config
from gan_color.config.stages import SupervisedStage
from gan_color.errors import GanColorError
from gan_color.training.callbacks.base import Callback
from gan_color.training.memory.auto_batch import resolve_batches
from gan_color.training.report.curves import draw_lr_find

SMOOTHING = 0.9
DIVERGED = 4.0  # stop where the smoothed loss is this many times its minimum


class _LossRecorder(Callback):
    """Rates and smoothed losses; ends the test when the loss explodes."""

    order = 70

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.rates: list[float] = []
        self.losses: list[float] = []

    def after_batch(self) -> None:
        loss = float(self.learn.loss)
        last = self.losses[-1] if self.losses else loss
        self.losses.append(SMOOTHING * last + (1 - SMOOTHING) * loss)
        self.rates.append(float(self.opt.hypers[-1]["lr"]))
        diverged = not math.isfinite(loss) or self.losses[-1] > DIVERGED * min(self.losses)
        if diverged or len(self.losses) >= self.steps:
            raise CancelFitException


def find_lr(
    config: Config, stage_name: str | None, steps: int = 100, low: float = 1e-6, high: float = 1.0
) -> tuple[float, Path]:
    """Train the stage's start for `steps` updates at rising rates.

    Returns fastai's "valley" suggestion and the path of a plot. Nothing else of the run is written.
    Raises GanColorError for a stage that is not supervised: the losses of adversaries say nothing
    about a rate.
    """
    from gan_color.training.trainer import Trainer

    config = resolve_batches(config)
    supervised = {
        scheduled.stage.name: index
        for index, scheduled in enumerate(config.schedule)
        if isinstance(scheduled.stage, SupervisedStage)
    }
    names = ", ".join(supervised) or "none in this config"
    if stage_name is None and supervised:
        stage_name = next(iter(supervised))
    if stage_name not in supervised:
        raise GanColorError(
            f"lr-find: found stage {stage_name!r}, expected a supervised one ({names}); "
            "the losses of adversaries say nothing about a rate"
        )
    run = Trainer(config, None)
    state = _LossRecorder(steps)
    learner = run.learner(supervised[stage_name], batches=steps, hooks=[state])
    learner.fit(1, cbs=[ParamScheduler({"lr": SchedExp(low, high)})])
    if len(state.losses) < 20:
        raise GanColorError(
            f"lr-find: the loss exploded after {len(state.losses)} steps, expected at least 20; "
            "lower --low"
        )
    skip = len(state.losses) // 10
    rates, losses = state.rates[skip:-5], state.losses[skip:-5]
    suggestion, _ = valley(tensor(rates), tensor(losses), len(losses))
    path = config.folder / "lr_find.png"
    write_bytes(path, draw_lr_find(rates, losses, float(suggestion)))
    return float(suggestion), path
