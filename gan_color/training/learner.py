"""fastai's Learner as the driver of a stage, through one overridden method.

What happens in a batch is ours (gan_color.training.steps); the Learner brings schedules over
parameter groups, the events that callbacks hang on, and resuming at an epoch.
Of fastai's own callbacks only the counter of iterations is used: its Recorder would wait for the
device after every batch, and its ProgressCallback knows nothing of images.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from fastai.callback.core import TrainEvalCallback
from fastai.callback.schedule import ParamScheduler
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from torch.utils.data import DataLoader

from gan_color.config.stages import HintsConfig, Stage
from gan_color.data.dataset import Item
from gan_color.data.loaders import end_workers
from gan_color.data.simulated_hints import simulate_hints
from gan_color.losses.auxiliary import Losses
from gan_color.models.base import Batch
from gan_color.training.memory.retry import run_step
from gan_color.training.schedules import rate_schedule
from gan_color.training.steps import Step


class ColorLearner(Learner):
    """Drives a step over a loader. After each batch `losses` holds what the step returned."""

    losses: Losses

    def __init__(
        self,
        loader: DataLoader[Item],
        model: torch.nn.Module,
        step: Step,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        channels_last: bool,
        callbacks: list[Any],
        hints: HintsConfig | None = None,
    ) -> None:
        super().__init__(
            DataLoaders(loader, [], device=device),
            model,
            loss_func=torch.nn.Identity(),
            cbs=[TrainEvalCallback, *callbacks],
            default_cbs=False,
        )
        self.opt = OptimWrapper(opt=optimizer)
        self.step, self.channels_last, self.hints = step, channels_last, hints

    def _do_one_batch(self) -> None:
        items = (*self.xb, *self.yb)
        batch = Batch.from_rgb8(*items, channels_last=self.channels_last)
        if self.hints:  # once a batch, whatever the number of parts it is computed in
            batch = replace(batch, hints=simulate_hints(batch.ab, self.hints))
        self.losses = run_step(self.step, batch)
        self.loss = self.losses["total"]

    def fit_stage(self, epochs: int, stage: Stage, start_epoch: int) -> None:
        """Train over `epochs` under the stage's schedule, up to the rate each group came with."""
        rates = np.array([group["lr"] for group in self.opt.hypers])
        scheduler = ParamScheduler({"lr": rate_schedule(stage, rates)})
        try:
            self.fit(epochs, cbs=[scheduler], start_epoch=start_epoch)
        finally:
            end_workers(self.dls.train)
