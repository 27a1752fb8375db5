"""Callbacks at the end of an epoch: validation, snapshots, checkpoints."""

from collections.abc import Callable

from fastai.callback.core import CancelFitException

from gan_color import distributed
from gan_color.console import console
from gan_color.models.base import Colorizer
from gan_color.training.averaging.ema import EMA
from gan_color.training.best_snapshot import BestSnapshot
from gan_color.training.callbacks.base import Callback
from gan_color.training.state import TrainingState
from gan_color.training.validator import Validator


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
