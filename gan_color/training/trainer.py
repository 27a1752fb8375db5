"""A run: stage after stage, from a configuration to a model file, resumable at any instant."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml

from gan_color import distributed
from gan_color.atomic import write_text
from gan_color.config.schema import Config, Scheduled, load
from gan_color.config.stages import AdversarialStage, DiscriminatorStage, Stage
from gan_color.console import console
from gan_color.data.dataset import CropDataset
from gan_color.data.loaders import KeySampler, draw_probabilities, training_loader
from gan_color.data.prepare import MANIFEST, find_data, measure_prior, report_data
from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.hub.model_file import save_model
from gan_color.training import amp, callbacks, checkpoint
from gan_color.training.amp import Updater
from gan_color.training.best_snapshot import StageWatch
from gan_color.training.builders import build_step, plan
from gan_color.training.learner import ColorLearner
from gan_color.training.loggers import create
from gan_color.training.memory.auto_batch import resolve_batches
from gan_color.training.networks import Networks
from gan_color.training.report import write_report
from gan_color.training.state import Record
from gan_color.training.validator import Judge
from gan_color.training.weight_averaging import start_from_mean


class Run:
    """All that a run in progress consists of. `train` makes, resumes and finishes one."""

    def __init__(self, config: Config, resumed: checkpoint.Found | None) -> None:
        self.config, self.folder = config, config.folder
        self.device = choose_device(config.run.device)
        kind = amp.choose(config.run.precision, self.device)
        self.precision = amp.Precision(kind, self.device)
        self.resumed = resumed
        self.record = Record(config)
        self.updaters: dict[str, Updater] = {}
        self.checkpoints = checkpoint.Writer()

        self.data = find_data(config)
        torch.manual_seed(config.run.seed)
        self.networks = Networks(config, self.device, resumed is not None)
        self.networks.set_classes(self.data.summary["classes"])
        if self.networks.generator.needs_prior:
            prior = measure_prior(self.data, config, keep=resumed is not None)
            self.networks.generator.set_prior(prior)
        if resumed:
            self.record.restore(resumed)
            self.networks.load(resumed)
        if config.run.compile:
            self.networks.compile()

    def start(self) -> None:
        """Open the logs. The first rank writes; the others compute."""
        if distributed.rank() == 0:
            report_data(self.data, self.folder)
            run_id = self.resumed.state["wandb"] if self.resumed else None
            self.record.tracker = create.create(self.config, run_id)
            self.record.csv.cut(self.record.total_images)
            self.record.tracker.dataset(self.folder / MANIFEST, self.data.summary)

    def fit(self) -> None:
        """Train what is left of every stage."""
        record = self.record
        for index in range(record.stage_index, len(self.config.schedule)):
            scheduled = self.config.schedule[index]
            if scheduled.cycle > 1 and scheduled.of in record.finished_cycles:
                continue
            if index != record.stage_index:
                record.images, record.stage_ended = 0, False
            record.stage_index, record.stage = index, scheduled.stage
            epochs, batches = plan(record.stage, self.config.run.epoch_images)
            record.stage_images = epochs * batches * record.stage.images_per_batch
            if record.images < record.stage_images and not record.stage_ended:
                self._fit_stage(scheduled, epochs, batches)
                if self.config.tracking.checkpoints and record.last_checkpoint:
                    record.tracker.checkpoint(record.last_checkpoint, record.stage.name)

    def _fit_stage(self, scheduled: Scheduled, epochs: int, batches: int) -> None:
        stage = scheduled.stage
        judge = Judge(
            self.data.valid,
            stage.size,
            self.config.run.previews,
            self.config.run.judged,
            self.precision,
        )
        track = callbacks.Track(
            self.record, stage.images_per_batch, fp16=self.precision.kind == "fp16"
        )
        hooks = [
            track,
            callbacks.Report(self.record, judge, self.networks.average, self.networks.generator),
            callbacks.Checkpoints(self.save_checkpoint),
        ]
        if stage.mean_of and not self.record.images:
            start_from_mean(self.networks, self.folder / "checkpoints", stage.mean_of)
        watching = self._watch(scheduled)
        if watching:
            hooks += [callbacks.Inflection(watching), callbacks.StopStage(watching)]
        learner = self.learner(stage, batches, hooks)
        if self.record.images:
            self._restore_updaters()
        if watching:
            watching.begin()
            if not self.record.images:
                self.save_checkpoint()  # a place to go back to
                self.checkpoints.wait()  # before the loader forks
        start_epoch = self.record.images // (batches * stage.images_per_batch)
        try:
            learner.fit_stage(epochs, stage, start_epoch)
        finally:
            track.close()
            self.checkpoints.wait()
        if watching:
            self._end_watched(watching)
        distributed.barrier()  # what follows may read the checkpoints

    def _watch(self, scheduled: Scheduled) -> StageWatch | None:
        stage = scheduled.stage
        if not isinstance(stage, AdversarialStage) or stage.inflection is None:
            return None
        return StageWatch(
            self.config, scheduled, self.data.valid, self.record, self.networks, self.precision
        )

    def _end_watched(self, watching: StageWatch) -> None:
        """Go back to the best snapshot, and keep it as the stage's last checkpoint."""
        record = self.record
        if not watching.gained():
            record.finished_cycles.add(watching.scheduled.of)
        if distributed.rank() == 0:
            best = watching.best()
            found = checkpoint.read(self.folder / "checkpoints" / best["checkpoint"])
            self.networks.load(found)
            watching.write(ended=True)
            record.chosen[watching.scheduled.of] = best
            record.tracker.summary({f"{watching.scheduled.of}/inflection": best})
            console.print(
                f"{record.stage.name}: inflection point: back to {best['stage']} "
                f"{best['images']:,} of {record.images:,} images"
            )
        self.networks.share()
        record.stage_ended = True
        self.save_checkpoint()
        self.checkpoints.wait()

    def learner(self, stage: Stage, batches: int, hooks: list[Any]) -> ColorLearner:
        """The stage's learner over epochs of `batches`, with fresh optimisers."""
        sampler = KeySampler(
            draw_probabilities(self.data.train, self.config.data, self.data.folders),
            batches,
            stage.images_per_batch,
            (self.config.run.seed, [s.stage for s in self.config.schedule].index(stage)),
            distributed.rank(),
            distributed.ranks(),
        )
        loader = training_loader(
            CropDataset(self.data.train, stage.size, stage.augment or self.config.data.augment),
            sampler,
            self.config.data.workers,
            pin_memory=self.device.type == "cuda",
        )
        channels_last = self.config.run.channels_last
        step, self.updaters = build_step(
            stage,
            self.networks.generator,
            self.networks.discriminator,
            self.precision,
            channels_last,
        )
        hooks = [callbacks.SeedEpoch(sampler), *hooks]
        if not isinstance(stage, DiscriminatorStage):
            average = self.networks.average
            average.half_life = stage.average_half_life or self.config.run.average_half_life
            hooks.append(
                callbacks.Averaging(average, self.networks.generator, stage.images_per_batch)
            )
        if isinstance(stage, AdversarialStage):
            follower = self.updaters["discriminator"].optimizer
            hooks.append(callbacks.FollowRate(follower, stage.discriminator_lr))
        leader = next(iter(self.updaters.values()))
        return ColorLearner(
            loader, leader.module, step, leader.optimizer, self.device, channels_last, hooks
        )

    def _restore_updaters(self) -> None:
        assert self.resumed is not None
        tensors = checkpoint.load(self.resumed, "optimizers")
        for name, updater in self.updaters.items():
            checkpoint.load_optimizer(updater.optimizer, name, tensors)
            updater.load_state(self.resumed.state["scalers"][name])

    def save_checkpoint(self) -> None:
        """Have the first rank write a checkpoint and drop old ones, beside the training."""
        self.networks.share(buffers_only=True)
        if distributed.rank() == 0:
            record = self.record
            optimizers = {name: updater.optimizer for name, updater in self.updaters.items()}
            state = {
                **record.state(),
                "average_images": self.networks.average.images,
                "scalers": {name: updater.state() for name, updater in self.updaters.items()},
            }
            folder = self.folder / "checkpoints" / record.checkpoint_name
            moments = checkpoint.optimizer_tensors(optimizers)
            tensors = {**self.networks.tensors(), "optimizers": moments}
            self.checkpoints.save(folder, tensors, state, self.config.run.keep, record.spared)
            record.last_checkpoint = folder

    def finish(self) -> Path:
        """Export the EMA generator and write the report; returns the model file's path."""
        path = self.folder / "model.safetensors"
        if distributed.rank() == 0:
            kept = {"name", "kind", "images", "size", "batch"}
            training = {
                "run": self.config.run.name,
                "stages": [
                    s.stage.model_dump(mode="json", include=kept) for s in self.config.schedule
                ],
                "images": self.record.total_images,
                "data_licence": self.config.data.licence,
                "pictures": self.data.summary["train"],
                "sources": self.data.summary["sources"],
                "figures": self.record.figures,
                "chosen": self.record.chosen,
            }
            save_model(path, self.config.model["name"], self.networks.average.model, training)
            self.record.tracker.model(path, training)
            self.record.tracker.finish()
            write_report(self.folder)
        distributed.barrier()
        return path


def resume_config(folder: Path, overrides: tuple[str, ...] = ()) -> Config:
    """The configuration of an existing run, placed where the run lies now."""
    path = folder / "config.yml"
    if not path.is_file():
        raise GanColorError(
            f"resume: found no config.yml in {str(folder)!r}, expected a run's folder"
        )
    where = folder.absolute()
    place = (f"run.dir={json.dumps(str(where.parent))}", f"run.name={json.dumps(where.name)}")
    return load(path, (*place, *overrides))


def train(config: Config, resume: bool = False, overwrite: bool = False) -> Path:
    """Run a configuration to its end and return the path of the model file.

    `resume` goes on from the newest whole checkpoint; without it a folder that holds a run is
    refused unless `overwrite`. Raises GanColorError.
    """
    device = choose_device(config.run.device)
    distributed.start(device)
    try:
        config = resolve_batches(config)
        found = _open_folder(config, resume, overwrite)
        run = Run(config, found)
        run.start()
        run.fit()
        return run.finish()
    finally:
        distributed.stop()


def _open_folder(config: Config, resume: bool, overwrite: bool) -> checkpoint.Found | None:
    """Make or clear the run's folder, write config.yml, and find where to go on."""
    folder = config.folder
    if distributed.rank() == 0:
        if not resume and (folder / "config.yml").exists():
            # A start that failed before its first checkpoint has left nothing to lose.
            if checkpoint.find(folder / "checkpoints") and not overwrite:
                raise GanColorError(
                    f"run: {folder} holds a run already; go on with --resume {folder}, "
                    "choose another run.name, or replace it with --overwrite"
                )
            shutil.rmtree(folder)
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        write_text(folder / "config.yml", text)
    distributed.barrier()
    found = checkpoint.find(folder / "checkpoints") if resume else []
    if found and distributed.rank() == 0:
        console.print(f"resuming {folder} after {found[-1].folder.name}")
    return found[-1] if found else None
