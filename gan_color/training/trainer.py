"""A run: stage after stage, from a configuration to a model file, resumable at any instant."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fastai.callback.core import Callback

from gan_color import distributed
from gan_color.config.schema import Config, ScheduledStage
from gan_color.config.stages import AdversarialStage, DiscriminatorStage
from gan_color.data.dataset import CropDataset
from gan_color.data.loaders import KeySampler, draw_probabilities, training_loader
from gan_color.data.prepare import MANIFEST, find_data, measure_prior, report_data
from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.hub.model_file import save_model
from gan_color.images.files import spread
from gan_color.training import amp, checkpoint, run_folder
from gan_color.training.averaging.ema import half_life_of
from gan_color.training.averaging.weight_averaging import start_from_average
from gan_color.training.best_snapshot import BestSnapshot
from gan_color.training.builders import build_step, plan_epochs
from gan_color.training.callbacks.evaluation import (
    EvaluateSnapshot,
    SaveCheckpoint,
    StopStage,
    ValidateAndPreview,
)
from gan_color.training.callbacks.progress import ProgressLogger
from gan_color.training.callbacks.stop import StopOnRequest, StopRequest, TrainingInterrupted
from gan_color.training.callbacks.updates import (
    DiscriminatorLR,
    SeedEpoch,
    UpdateEMA,
)
from gan_color.training.dry_run.hours import resolve_hours
from gan_color.training.learner import ColorLearner
from gan_color.training.loggers import create
from gan_color.training.loggers.base import Reported
from gan_color.training.memory.auto_batch import resolve_batches
from gan_color.training.networks import Networks
from gan_color.training.report.page import REPORT, write_report
from gan_color.training.report.record import training_record
from gan_color.training.report.sessions import Session
from gan_color.training.run_checkpoints import RunCheckpoints
from gan_color.training.state import TrainingState
from gan_color.training.trial import Trial, stages_left
from gan_color.training.validator import Validator, validation_set


class Trainer:
    """All that a run in progress consists of. `train` makes, resumes and finishes one."""

    def __init__(
        self,
        config: Config,
        resumed: checkpoint.Checkpoint | None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.config, self.folder = config, config.folder
        self.callbacks = callbacks
        self.device = choose_device(config.run.device)
        kind = amp.resolve_precision(config.run.precision, self.device)
        self.precision = amp.Precision(kind, self.device)
        self.resumed = resumed
        self.state = TrainingState(config)
        self.stop = StopRequest()

        self.data = distributed.on_first_rank(partial(find_data, config))
        torch.manual_seed(config.run.seed)
        self.networks = Networks(config, self.device, resumed is not None)
        self.networks.set_classes(self.data.summary["classes"])
        if self.networks.generator.needs_prior:
            measure = partial(measure_prior, self.data, config, keep=resumed is not None)
            self.networks.generator.set_prior(distributed.on_first_rank(measure))
        self.checkpoints = RunCheckpoints(config, self.state, self.networks)
        if resumed:
            self.state.load_state_dict(resumed)
            self.networks.load(resumed)
        if config.run.compile:
            self.networks.compile()

    def try_ahead(self) -> None:
        """Try what later stages need, so that what is missing is said now; changes nothing."""
        if self.config.run.trial:
            trial = Trial(
                self.config, self.networks, self.checkpoints, self.data.val, self.precision
            )
            left = stages_left(self.config, self.state)
            distributed.on_first_rank(partial(trial.run, left))

    def start(self) -> None:
        """Open the logs. The first rank writes; the others compute."""
        if distributed.rank() == 0:
            report_data(self.data, self.folder)
            state, found = self.state, Reported()
            if self.resumed:
                rows = tuple(state.csv.whole_rows())
                found = Reported(self.resumed.state["wandb"], state.total_images, rows)
            state.csv.cut(state.total_images)
            left = stages_left(self.config, state)
            if self.resumed and not left and (self.folder / REPORT).exists():
                return  # trackers and the report have all of it
            state.session = Session(
                self.folder, self.device, self.precision.kind, state.total_images
            )
            state.logger = create.create_logger(self.config, found)
            state.logger.dataset(self.folder / MANIFEST, self.data.summary)

    def fit(self) -> None:
        """Train what is left of every stage."""
        state = self.state
        for index in range(state.stage_index, len(self.config.schedule)):
            scheduled = self.config.schedule[index]
            if scheduled.cycle > 1 and scheduled.of in state.finished_cycles:
                continue
            if index != state.stage_index:
                state.images, state.stage_ended = 0, False
            state.stage_index, state.stage = index, scheduled.stage
            epochs, batches = plan_epochs(state.stage, self.config.run.epoch_images)
            state.stage_images = epochs * batches * state.stage.images_per_batch
            if state.images < state.stage_images and not state.stage_ended:
                self._fit_stage(scheduled, epochs, batches)
                if self.config.loggers.checkpoints and state.last_checkpoint:
                    state.logger.checkpoint(state.last_checkpoint, state.stage.name)

    def _fit_stage(self, scheduled: ScheduledStage, epochs: int, batches: int) -> None:
        stage = scheduled.stage
        run = self.config.run
        images = validation_set(
            spread(self.data.val, run.val_images), stage.size, self.config, self.precision
        )
        validator = Validator(images, run.preview_images)
        track = ProgressLogger(
            self.state, stage.images_per_batch, fp16=self.precision.kind == "fp16"
        )
        hooks = [
            track,
            ValidateAndPreview(self.state, validator, self.networks.ema, self.networks.generator),
            SaveCheckpoint(self.checkpoints.save),
            StopOnRequest(
                self.stop,
                self.state,
                partial(self.checkpoints.save, within_epoch=True),
                batches * stage.images_per_batch,
            ),
        ]
        if stage.average_from and not self.state.images:
            start_from_average(self.networks, self.folder / "checkpoints", stage.average_from)
        best_snapshot = self._best_snapshot(scheduled)
        if best_snapshot:
            hooks += [EvaluateSnapshot(best_snapshot), StopStage(best_snapshot)]
        learner = self.learner(self.state.stage_index, batches, hooks)
        if self.state.images:
            assert self.resumed is not None
            self.checkpoints.restore_optimizers(self.resumed)
        if best_snapshot:
            best_snapshot.begin()
            if not self.state.images:
                self.checkpoints.save()  # a place to go back to
                self.checkpoints.wait()  # before the loader forks
        start_epoch = self.state.images // (batches * stage.images_per_batch)
        try:
            learner.fit_stage(epochs, stage, start_epoch)
        finally:
            track.close()
            self.checkpoints.wait()
        if best_snapshot:
            best_snapshot.go_back(self.networks, self.checkpoints)
        distributed.barrier()  # what follows may read the checkpoints

    def _best_snapshot(self, scheduled: ScheduledStage) -> BestSnapshot | None:
        stage = scheduled.stage
        if not isinstance(stage, AdversarialStage) or stage.early_stopping is None:
            return None
        return BestSnapshot(
            self.config, scheduled, self.data.val, self.state, self.networks, self.precision
        )

    def learner(self, index: int, batches: int, hooks: list[Any]) -> ColorLearner:
        """A learner of the stage `index` of the schedule, over epochs of `batches`."""
        stage = self.config.schedule[index].stage
        sampler = KeySampler(
            draw_probabilities(self.data.train, self.config.data, self.data.folders),
            batches,
            stage.images_per_batch,
            (self.config.run.seed, index),
            distributed.rank(),
            distributed.world_size(),
        )
        loader = training_loader(
            CropDataset(self.data.train, stage.size, stage.augment or self.config.data.augment),
            sampler,
            self.config.data.num_workers,
            pin_memory=self.device.type == "cuda",
        )
        channels_last = self.config.run.channels_last
        step, optimizers = build_step(
            stage,
            self.networks.generator,
            self.networks.discriminator,
            self.precision,
            channels_last,
        )
        self.checkpoints.optimizers, self.checkpoints.step = optimizers, step
        done = self.state.images // stage.images_per_batch % batches
        noise = checkpoint.load_noise(self.resumed) if done and self.resumed else None
        hooks = [SeedEpoch(sampler, done, noise), *hooks, *self.callbacks]
        if not isinstance(stage, DiscriminatorStage):
            ema = self.networks.ema
            ema.half_life = half_life_of(stage, self.config)
            hooks.append(UpdateEMA(ema, self.networks.generator, stage.images_per_batch))
        if isinstance(stage, AdversarialStage):
            follower = optimizers["discriminator"].optimizer
            hooks.append(DiscriminatorLR(follower, stage.discriminator_lr_mult))
        leader = next(iter(optimizers.values()))
        return ColorLearner(
            loader,
            leader.module,
            step,
            leader.optimizer,
            self.device,
            channels_last,
            hooks,
            None if isinstance(stage, DiscriminatorStage) else stage.hints,
        )

    def finish(self) -> Path:
        """Export the EMA generator and write the report; returns the model file's path."""
        path = self.folder / "model.safetensors"
        if distributed.rank() == 0:
            training = training_record(self.config, self.state, self.data.summary)
            save_model(path, self.config.model["name"], self.networks.ema.model, training)
            last = self.config.schedule[-1]
            aliases = ["final", self.state.stage.name]
            if last.of in self.state.best:  # that early stopping went back to
                aliases.append("best")
            self.state.logger.last_previews()
            self.state.logger.model(path, {**training, "weights": "EMA"}, aliases)
            self.state.logger.finish()
            if self.state.session is not None:
                self.state.session.update(self.state.total_images)
            write_report(self.folder)
            self.checkpoints.mirror()
        distributed.barrier()
        return path


def train(
    config: Config,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Train a configuration to its end and return the path of the model file.

    `callbacks` are fastai's, yours beside ours in every stage: after a batch `self.learn.losses`
    holds the losses by name, and `self.learn.step.networks` the networks that it trained.

    `resume` goes on from the newest whole checkpoint; without it a folder that holds a run is
    refused unless `overwrite`. Raises GanColorError, and TrainingInterrupted after SIGTERM or
    Ctrl-C, when the run is saved where it was.
    """
    device = choose_device(config.run.device)
    distributed.init(device)
    with ExitStack() as held:
        held.callback(distributed.destroy)

        def claim() -> checkpoint.Checkpoint | None:
            held.enter_context(run_folder.lock(config.folder))
            return run_folder.open_folder(config, resume, overwrite)

        try:
            config = resolve_hours(resolve_batches(config))
            run = Trainer(config, distributed.on_first_rank(claim), callbacks)
            run.try_ahead()
            run.start()
            try:
                with run.stop.listen():
                    run.fit()
            except TrainingInterrupted:
                run.state.logger.finish()
                raise
            return run.finish()
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            hint = ""
            if checkpoint.find(config.folder / "checkpoints"):
                hint = f"; mend that, then go on with --resume {config.folder}"
            raise GanColorError(f"run: {error.strerror or error}{where}{hint}") from error
