"""Training callbacks: seeding, EMA, logging, previews, checkpoints.

fastai calls a callback's methods by the name of the event; lower `order` comes first.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from fastai.callback.core import Callback as FastaiCallback
from fastai.callback.core import CancelFitException, CancelValidException
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gan_color import distributed
from gan_color.console import console
from gan_color.data.loaders import KeySampler
from gan_color.errors import GanColorError
from gan_color.models.base import Colorizer
from gan_color.training.best_snapshot import BestSnapshot
from gan_color.training.ema import EMA
from gan_color.training.state import TrainingState
from gan_color.training.validator import Validator


class Callback(FastaiCallback):
    """fastai's, but what a method raises goes up as it is: fastai would put a preface of its own
    into the exception, and so into the one line that the user sees.
    """

    def __call__(self, event_name: str) -> None:
        if self.run and hasattr(self, event_name):
            getattr(self, event_name)()


class SeedEpoch(Callback):
    """Makes an epoch a function of (seed, stage, epoch): resuming at one is bit-exact."""

    order = -5  # after TrainEvalCallback has put the whole model into training mode

    def __init__(self, sampler: KeySampler) -> None:
        self.sampler = sampler

    def before_train(self) -> None:
        self.sampler.set_epoch(self.epoch)
        # A rank has its own noise (dropout); the data is dealt by the sampler.
        seed = np.random.SeedSequence([*self.sampler.seed, self.epoch, distributed.rank()])
        torch.manual_seed(int(seed.generate_state(1)[0]))
        self.learn.step.train()

    def before_validate(self) -> None:
        # ValidateAndPreview evaluates: there is no validation loader.
        raise CancelValidException


class UpdateEMA(Callback):
    """Keeps the EMA generator, in images."""

    order = 10

    def __init__(self, ema: EMA, generator: Colorizer, images: int) -> None:
        self.ema, self.generator, self.images = ema, generator, images

    def after_batch(self) -> None:
        self.ema.update(self.generator, self.images)


class DiscriminatorLR(Callback):
    """Holds the discriminators' rate at a fixed ratio of the generator's: TTUR, Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500.
    """

    order = 61  # right after the schedule has set the generator's

    def __init__(self, optimizer: torch.optim.Optimizer, ratio: float) -> None:
        self.optimizer, self.ratio = optimizer, ratio

    def before_batch(self) -> None:
        rate = self.opt.hypers[-1]["lr"] * self.ratio
        for group in self.optimizer.param_groups:
            group["lr"] = rate


class ProgressLogger(Callback):
    """Counts images, logs losses, shows progress, and stops on anything that is not a number."""

    order = 20

    def __init__(self, state: TrainingState, images: int, fp16: bool = False) -> None:
        self.state, self.images, self.fp16 = state, images, fp16

    def before_fit(self) -> None:
        state = self.state
        self.progress = Progress(
            TextColumn(state.stage.name),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} images"),
            TextColumn("{task.fields[speed]:.0f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
            disable=not console.is_terminal or distributed.rank() != 0,
        )
        self.progress.start()
        self.task: TaskID = self.progress.add_task(
            state.stage.name,
            total=state.stage_images,
            completed=state.images,
            speed=0.0,
            losses="",
        )
        self.start_time, self.start_images = time.perf_counter(), state.images

    def after_batch(self) -> None:
        state = self.state
        state.advance(self.images)
        last = state.images == state.stage_images
        if state.images // self.images % state.config.run.log_every == 0 or last:
            self._report()

    def after_train(self) -> None:
        self._report(log=False)

    def _report(self, log: bool = True) -> None:
        state = self.state
        losses = {name: float(value) for name, value in self.learn.losses.items()}
        wrong = [name for name, value in losses.items() if not math.isfinite(value)]
        if self.fp16:
            # An overflow of the gradients is the scaler's business: it skips the update.
            wrong = [name for name in wrong if "norm" not in name]
        if wrong:
            raise GanColorError(self._stopped(losses, wrong))
        seconds = time.perf_counter() - self.start_time
        speed = (state.images - self.start_images) / max(seconds, 1e-9)
        shown = " ".join(
            f"{name} {value:.3f}"
            for name, value in losses.items()
            if not name.startswith(("accuracy", "gradient"))
        )
        self.progress.update(self.task, completed=state.images, speed=speed, losses=shown)
        if log and distributed.rank() == 0:
            rate = self.opt.hypers[-1]["lr"]
            state.log({"lr": rate, "images_per_second": round(speed, 2), **losses})

    def _stopped(self, losses: dict[str, float], wrong: list[str]) -> str:
        state = self.state
        listed = ", ".join(f"{name}={value:.4g}" for name, value in losses.items())
        last = state.last_checkpoint
        where = f"the last good checkpoint is {last}" if last else "there is no checkpoint yet"
        return (
            f"training: {', '.join(wrong)} is not a number at stage {state.stage.name}, image "
            f"{state.images:,} ({listed}); {where}; lower stages.{state.stage.name}.lr, "
            f"set clip, or try run.precision=fp32, then --resume {state.config.folder}"
        )

    def close(self) -> None:
        """Give the terminal back, also when the stage ended with an error."""
        if hasattr(self, "progress"):
            self.progress.stop()


class ValidateAndPreview(Callback):
    """After each epoch: a preview sheet of the EMA generator, and its figures on the fixed set."""

    order = 30

    def __init__(
        self, state: TrainingState, validator: Validator, ema: EMA, generator: Colorizer
    ) -> None:
        self.state, self.validator = state, validator
        self.ema, self.generator = ema, generator

    def after_train(self) -> None:
        if distributed.rank() == 0:
            state = self.state
            figures = self.validator.evaluate(self.ema.model)
            state.validated(figures, self.validator.previews(self.ema.model, self.generator))
            shown = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
            progress = f"{state.images:,}/{state.stage_images:,} images"
            console.print(f"{state.stage.name}: {progress}: {shown}")


class EvaluateSnapshot(Callback):
    """After each epoch of a stage with early stopping: evaluates the EMA generator."""

    order = 35  # after the preview, before the checkpoint, which carries the evaluations

    def __init__(self, best_snapshot: BestSnapshot) -> None:
        self.best_snapshot = best_snapshot

    def after_train(self) -> None:
        self.best_snapshot.evaluate()


class StopStage(Callback):
    """Ends a stage when early stopping says so."""

    order = 50  # after the checkpoint

    def __init__(self, best_snapshot: BestSnapshot) -> None:
        self.best_snapshot = best_snapshot

    def after_train(self) -> None:
        if self.best_snapshot.should_stop():
            raise CancelFitException


class SaveCheckpoint(Callback):
    """Saves after each epoch; the epoch's seeds make that a bit-exact place to go on from."""

    order = 40

    def __init__(self, save: Callable[[], None]) -> None:
        self.save = save

    def after_train(self) -> None:
        self.save()
