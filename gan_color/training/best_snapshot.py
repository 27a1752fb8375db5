"""Early stopping within a run: when to evaluate a snapshot, when to stop, what to go back to."""

import copy
import json
from pathlib import Path
from typing import Any

from gan_color import distributed
from gan_color.atomic import write_text
from gan_color.config import legacy
from gan_color.config.schema import Config, ScheduledStage
from gan_color.config.stages import AdversarialStage, FeatureExtractorConfig
from gan_color.console import console
from gan_color.data.index import ImageFile
from gan_color.errors import GanColorError
from gan_color.evaluation.feature_extractors import BackboneExtractor
from gan_color.images.files import spread
from gan_color.training import checkpoint
from gan_color.training.amp import Precision
from gan_color.training.early_stopping import (
    SnapshotEvaluator,
    SnapshotMetrics,
    StopDecision,
    decide,
    score,
    within_guards,
)
from gan_color.training.networks import Networks
from gan_color.training.run_checkpoints import RunCheckpoints
from gan_color.training.state import TrainingState
from gan_color.training.validator import validation_set

FILE = "early_stopping.json"


def read_evaluations(folder: Path) -> dict[str, Any] | None:
    """What a run's early_stopping.json holds; None where the run stopped no stage early."""
    path = legacy.existing(folder / FILE, legacy.EARLY_STOPPING_FILE)
    if not path.is_file():
        return None
    return legacy.snapshots(json.loads(path.read_text(encoding="utf-8")))


def create_extractor(config: Config, stage: AdversarialStage) -> BackboneExtractor:
    """The feature space of a stage's distances: its own, or the model's pretrained encoder's."""
    assert stage.early_stopping is not None
    found = stage.early_stopping.feature_extractor
    options: dict[str, Any] = config.model
    if found is None:
        if options.get("encoder_weights", "none") == "none":
            raise GanColorError(
                f"stages.{stage.name}.early_stopping.feature_extractor: found none, and the model "
                "has no pretrained encoder to take its place; expected {backbone: NAME, weights: "
                "pretrained or PATH}"
            )
        found = FeatureExtractorConfig(
            backbone=options["encoder"],
            weights=options["encoder_weights"],
            kwargs=options["encoder_kwargs"],
            remove_modules=tuple(options["encoder_remove_modules"]),
        )
    return BackboneExtractor(
        found.backbone, found.weights, found.stride, dict(found.kwargs), found.remove_modules
    )


class BestSnapshot:
    """Finds the best snapshot of one adversarial stage. Only the first rank evaluates."""

    def __init__(
        self,
        config: Config,
        scheduled: ScheduledStage,
        val: list[ImageFile],
        state: TrainingState,
        networks: Networks,
        precision: Precision,
    ) -> None:
        stage = scheduled.stage
        assert isinstance(stage, AdversarialStage)
        assert stage.early_stopping is not None
        self.stage, self.rule, self.scheduled = stage, stage.early_stopping, scheduled
        assert networks.discriminator is not None
        self.state, self.ema = state, networks.ema
        self.discriminator = networks.discriminator
        self.baseline_hue: float | None = None  # of skin, before the GAN
        self.evaluator: SnapshotEvaluator | None = None
        if distributed.rank() == 0:
            files, size = spread(val, self.rule.num_images), self.rule.size or stage.size
            images = validation_set(files, size, config, precision)
            self.evaluator = SnapshotEvaluator(images, create_extractor(config, stage))

    @property
    def evaluations(self) -> list[SnapshotMetrics]:
        """Of this stage, over all its cycles."""
        return [found for found in self.state.evaluations if found["of"] == self.scheduled.of]

    def begin(self) -> None:
        """Evaluate the generator that the cycle starts from, before its first image."""
        if self.evaluator is None:
            return
        if self.evaluations:
            self.baseline_hue = self._baseline_hue(self.evaluations[0])
        # A run that goes on from the stage's start has evaluated it already.
        if not self.state.images and not any(
            found["stage"] == self.stage.name for found in self.evaluations
        ):
            self.evaluate()

    def _baseline_hue(self, first: SnapshotMetrics) -> float | None:
        if "skin_hue_angle" in first:
            found: float | None = first["skin_hue_angle"]
            return found
        # Earlier versions kept the snapshot, not the number.
        assert self.evaluator is not None
        before = copy.deepcopy(self.ema.model)
        snapshot = checkpoint.read(self.state.folder / "checkpoints" / first["checkpoint"])
        before.load_state_dict(checkpoint.load(snapshot, "ema"))
        return self.evaluator.skin_hue(before)

    def evaluate(self) -> None:
        """Evaluate the EMA generator, log it, and write early_stopping.json."""
        if self.evaluator is None:
            return
        state = self.state
        found = self.evaluator.evaluate(
            self.ema.model, self.discriminator, self.stage.gan_mode, self.baseline_hue
        )
        if not self.evaluations:
            self.baseline_hue = found["skin_hue_angle"]
        snapshot: SnapshotMetrics = {
            "of": self.scheduled.of,
            "cycle": self.scheduled.cycle,
            "stage": self.stage.name,
            "images": state.images,
            "total_images": state.total_images,
            "checkpoint": state.checkpoint_name,
            **found,
        }
        first = self.evaluations[0] if self.evaluations else snapshot
        snapshot["score"] = score(snapshot, first, self.rule)
        snapshot["allowed"] = within_guards(snapshot, self.rule)
        state.evaluations.append(snapshot)
        logged = {**found, "score": snapshot["score"]}
        state.log({f"snapshot_{k}": value for k, value in logged.items() if value is not None})
        best = self.best()
        state.protected = {self.evaluations[0]["checkpoint"], best["checkpoint"]}
        self.write(ended=False)
        console.print(
            f"{self.stage.name}: {state.images:,} images: score {snapshot['score']:.3f} "
            f"(Fréchet {found['frechet']:.3f}, colorfulness {found['colorfulness_ratio']:.0%} of "
            f"the truth's); best {best['score']:.3f} at {best['stage']} {best['images']:,}"
        )

    def decision(self) -> StopDecision:
        """What the rule says now."""
        return decide(self.evaluations, self.rule)

    def should_stop(self) -> bool:
        """What the rule says, the same on every rank."""
        return distributed.broadcast_bool(self.evaluator is not None and self.decision().stop)

    def best(self) -> SnapshotMetrics:
        """The snapshot to go back to."""
        return self.evaluations[self.decision().best]

    def gained(self) -> bool:
        """True where this cycle holds the best snapshot: then another cycle is worth its time."""
        return distributed.broadcast_bool(
            self.evaluator is not None and self.best()["cycle"] == self.scheduled.cycle
        )

    def go_back(self, networks: Networks, checkpoints: RunCheckpoints) -> None:
        """Go back to the best snapshot, and keep it as the stage's last checkpoint."""
        state, of = self.state, self.scheduled.of
        if not self.gained():
            state.finished_cycles.add(of)
        if distributed.rank() == 0:
            best = self.best()
            networks.load(checkpoint.read(state.folder / "checkpoints" / best["checkpoint"]))
            self.write(ended=True)
            state.best[of] = best
            state.logger.summary({f"{of}/best_snapshot": best})
            console.print(
                f"{state.stage.name}: early stopping: back to {best['stage']} "
                f"{best['images']:,} of {state.images:,} images"
            )
        networks.share()
        state.stage_ended = True
        checkpoints.save()
        checkpoints.wait()

    def write(self, ended: bool) -> None:
        """Write early_stopping.json: the rule, every evaluation, and the best one."""
        assert self.evaluator is not None
        content = {
            "images": [str(path) for path in self.evaluator.images.paths],
            "rule": self.rule.model_dump(mode="json"),
            "evaluations": self.evaluations,
            "best": self.best(),
            "ended": ended,
        }
        write_text(self.state.folder / FILE, json.dumps(content, indent=1))
