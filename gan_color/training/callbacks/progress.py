"""The callback that counts images, logs losses, and stops on what is not a number."""

import math
import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gan_color import distributed
from gan_color.config.schema import ScheduledStage
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training.callbacks.base import Callback
from gan_color.training.callbacks.rates import learning_rates
from gan_color.training.state import TrainingState

LINE_EVERY = 30.0  # seconds between lines where no terminal shows a bar


def seconds_left(
    schedule: tuple[ScheduledStage, ...], index: int, images: int, speed: float
) -> float:
    """What a run still takes: `images` of the stage `index` at `speed` images a second, then the
    stages after it, as if each of their pixels took as long. Early stopping may end it sooner.
    """
    pixels = schedule[index].stage.size ** 2
    later = sum(s.stage.images * s.stage.size**2 / pixels for s in schedule[index + 1 :])
    return (images + later) / max(speed, 1e-9)


def in_words(seconds: float) -> str:
    """ "2 h 05 min", "12 min", "40 s"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


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
            TextColumn("run: {task.fields[left]}"),
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
            left="",
            losses="",
        )
        self.start_time, self.start_images = time.perf_counter(), state.images
        self.last_line = self.start_time

    def after_batch(self) -> None:
        state = self.state
        state.advance(self.images)
        last = state.images == state.stage_images
        if state.images // self.images % state.config.run.log_every == 0 or last:
            self._report()
        if not console.is_terminal and distributed.rank() == 0 and not last:
            self._line()

    def _line(self) -> None:
        now = time.perf_counter()
        if now - self.last_line >= LINE_EVERY:
            self.last_line = now
            state = self.state
            progress = f"{state.images:,}/{state.stage_images:,} images, {self._speed():.1f}/s"
            console.print(f"{state.stage.name}: {progress}, about {self._left()} left of the run")

    def _speed(self) -> float:
        seconds = time.perf_counter() - self.start_time
        return (self.state.images - self.start_images) / max(seconds, 1e-9)

    def _left(self) -> str:
        state = self.state
        images = state.stage_images - state.images
        schedule = state.config.schedule
        return in_words(seconds_left(schedule, state.stage_index, images, self._speed()))

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
        speed = self._speed()
        shown = " ".join(
            f"{name} {value:.3f}"
            for name, value in losses.items()
            if not name.startswith(("accuracy", "gradient"))
        )
        self.progress.update(
            self.task, completed=state.images, speed=speed, left=self._left(), losses=shown
        )
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
