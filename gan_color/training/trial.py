"""What a run needs only hours later, tried before its first update: a weights file that is missing
or a disk that cannot be written to is said now.

Validation, snapshot evaluation, perceptual losses, checkpoints and the model file of every stage
that is left, on two batches of validation images. Nothing of the run changes: networks are in
evaluation mode, generators of noise are put back, files are removed.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from gan_color.color.lab import to_float
from gan_color.config.schema import Config, ScheduledStage
from gan_color.config.stages import AdversarialStage, DiscriminatorStage, Stage
from gan_color.console import console
from gan_color.data.index import ImageFile
from gan_color.errors import GanColorError
from gan_color.evaluation.validation_set import BATCH, ValidationSet
from gan_color.hub.model_file import save_model
from gan_color.images.files import spread
from gan_color.training.amp import Precision
from gan_color.training.best_snapshot import create_extractor
from gan_color.training.builders import create_perceptual, plan_epochs
from gan_color.training.callbacks.updates import noise_state, restore_noise
from gan_color.training.early_stopping import SnapshotEvaluator
from gan_color.training.networks import Networks
from gan_color.training.run_checkpoints import RunCheckpoints
from gan_color.training.state import TrainingState
from gan_color.training.validator import Validator, validation_set

TRIED = 2 * BATCH  # images


def stages_left(config: Config, state: TrainingState) -> list[ScheduledStage]:
    """The stages that a run at this state still trains."""
    left = []
    for index, scheduled in enumerate(config.schedule[state.stage_index :], state.stage_index):
        epochs, batches = plan_epochs(scheduled.stage, config.run.epoch_images)
        images = epochs * batches * scheduled.stage.images_per_batch
        ended = index == state.stage_index and (state.stage_ended or state.images >= images)
        if not ended and not (scheduled.cycle > 1 and scheduled.of in state.finished_cycles):
            left.append(scheduled)
    return left


class Trial:
    """Tries what the stages that are left will do, each thing once. For the first rank."""

    def __init__(
        self,
        config: Config,
        networks: Networks,
        checkpoints: RunCheckpoints,
        val: list[ImageFile],
        precision: Precision,
    ) -> None:
        self.config, self.networks, self.checkpoints = config, networks, checkpoints
        self.val, self.precision = val, precision
        self.done: dict[str, set[object]] = {}  # by what was tried: with which settings

    def run(self, stages: list[ScheduledStage]) -> None:
        """Raises GanColorError with the stage, what failed in it, and why."""
        if not stages:
            return
        start, noise = time.perf_counter(), noise_state(self.networks.device)
        try:
            for scheduled in stages:
                self._stage(scheduled.stage)
        finally:
            restore_noise(noise)
            if self.networks.device.type == "cuda":
                torch.cuda.empty_cache()
        console.print(
            f"trial: {', '.join(self.done)} of {len(stages)} stages work "
            f"({time.perf_counter() - start:.1f} s)",
            markup=False,
        )

    def _stage(self, stage: Stage) -> None:
        early_stopping = getattr(stage, "early_stopping", None)
        perceptual = None if isinstance(stage, DiscriminatorStage) else stage.perceptual
        name, extractor = stage.name, early_stopping and early_stopping.feature_extractor
        self._once(name, "validation", stage.size, lambda: self._validate(stage))
        self._once(name, "checkpoint", None, self.checkpoints.try_writing)
        self._once(name, "model file", None, self._export)
        if perceptual is not None:
            settings = (repr(perceptual), stage.size)
            self._once(name, "perceptual loss", settings, lambda: self._perceive(stage))
        if early_stopping is not None:
            settings = (repr(extractor), early_stopping.size or stage.size)
            self._once(name, "snapshot evaluation", settings, lambda: self._snapshot(stage))

    def _once(self, stage: str, what: str, settings: object, work: Callable[[], None]) -> None:
        tried = self.done.setdefault(what, set())
        if settings not in tried:
            tried.add(settings)
            with _explained(stage, what):
                work()

    def _images(self, count: int, size: int) -> ValidationSet:
        """Two batches of what the stage will look at."""
        files = spread(self.val, count)[:TRIED]
        return validation_set(files, size, self.config, self.precision)

    def _validate(self, stage: Stage) -> None:
        run = self.config.run
        validator = Validator(self._images(run.val_images, stage.size), run.preview_images)
        validator.evaluate(self.networks.ema.model)
        validator.previews(self.networks.ema.model, self.networks.generator)

    @torch.no_grad()
    def _perceive(self, stage: Stage) -> None:
        assert not isinstance(stage, DiscriminatorStage)
        assert stage.perceptual is not None
        loss = create_perceptual(stage.perceptual).to(self.networks.device)
        for part in self._images(TRIED, stage.size).truth.split(BATCH):
            image = to_float(part.to(self.networks.device))
            with self.precision.autocast():
                loss(image, image)

    def _snapshot(self, stage: Stage) -> None:
        assert isinstance(stage, AdversarialStage)
        assert stage.early_stopping is not None
        assert self.networks.discriminator is not None
        rule = stage.early_stopping
        images = self._images(rule.num_images, rule.size or stage.size)
        evaluator = SnapshotEvaluator(images, create_extractor(self.config, stage))
        evaluator.evaluate(
            self.networks.ema.model, self.networks.discriminator, stage.gan_mode, None
        )

    def _export(self) -> None:
        folder = self.config.folder / ".trial"
        try:
            folder.mkdir()
            name = self.config.model["name"]
            save_model(folder / "model.safetensors", name, self.networks.ema.model, {})
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(stage: str, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever it is, it would end the run hours later
        reason = " ".join(str(error).split())
        if not isinstance(error, GanColorError):
            reason = f"{type(error).__name__}: {reason}"
        raise GanColorError(
            f"run.trial: the {what} of stage {stage} does not work: {reason}; nothing was trained "
            "yet: mend that and start again (run.trial=false puts the trial off)"
        ) from error
