"""The callback that counts images, logs losses, and stops on what is not a number."""

import math
import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gan_color import distributed
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training.callbacks.base import Callback
from gan_color.training.callbacks.rates import learning_rates
from gan_color.training.state import TrainingState


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
            rates = learning_rates(self.opt.opt, self.learn.step)
            state.log({**rates, "images_per_second": round(speed, 2), **losses})

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
