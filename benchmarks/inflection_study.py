"""Does the inflection rule find what an exhaustive search finds? A study over finished runs.

A run is studied whose watched stage kept every snapshot (`run.keep_checkpoints` large, `stop_early`
false). The rule is replayed on the run's own evaluations, as if it had been free to stop. Every
snapshot is then scored on images the rule never saw, and the rule's pick compared with the best.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan_color.config.stages import AdversarialStage, EarlyStoppingConfig
from gan_color.console import console
from gan_color.data.index import ImageFile, ScanCache, scan
from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.evaluation.distances import NORMAL_95, frechet_distance, moments
from gan_color.evaluation.validation_set import ValidationSet
from gan_color.models import registry
from gan_color.training import amp, checkpoint
from gan_color.training.best_snapshot import FILE, create_extractor, read_evaluations
from gan_color.training.early_stopping import SnapshotEvaluator, SnapshotMetrics, decide
from gan_color.training.run_folder import resume_config

RESAMPLES = 200


def replay(snapshots: list[SnapshotMetrics], rule: EarlyStoppingConfig) -> int:
    """Index of the snapshot a run under this rule would have gone back to."""
    decision = decide(snapshots[:1], rule)
    for count in range(1, len(snapshots) + 1):
        decision = decide(snapshots[:count], rule)
        if decision.stop:
            break
    return decision.best


class _HeldOut:
    """Scores snapshots on a run's validation images that early stopping did not see."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        config = resume_config(folder)
        stage = next(s for s in config.stages if s.name == content["best"]["of"])
        assert isinstance(stage, AdversarialStage)
        assert stage.early_stopping is not None
        seen = set(content["images"])
        index = scan(
            config.data.val,
            config.data.model_copy(update={"source_pattern": None}),
            ScanCache(None),
        )
        files: list[ImageFile] = [f for f in index.files if str(f.path) not in seen and not f.gray]
        if len(files) < 20:
            raise GanColorError(
                f"study: found {len(files)} validation images that early stopping of {folder} "
                "did not see, expected at least 20"
            )
        device = choose_device(config.run.device)
        kind = amp.resolve_precision(config.run.precision, device)
        images = ValidationSet(
            [file.path for file in files],
            stage.early_stopping.size or stage.size,
            config.data.eval_resize,
            device,
            amp.Precision(kind, device).autocast,
        )
        self.evaluator = SnapshotEvaluator(images, create_extractor(config, stage))
        options = dict(config.model)
        name = options.pop("name")
        self.model = registry.model_class(name)(
            registry.parse_options(name, options).for_inference()
        )
        self.model.to(device).to(memory_format=torch.channels_last)
        self.weight = stage.early_stopping.colorfulness_weight
        self.truth = self.evaluator.features(images.truth)
        self.truth_color = metrics.colorfulness(images.truth).double().numpy()
        self.folder = folder

    def measure(self, snapshot: SnapshotMetrics) -> tuple[NDArray[Any], NDArray[Any]]:
        """(features [N, C], colorfulness [N]) of a snapshot's EMA generator."""
        found = checkpoint.read(self.folder / "checkpoints" / snapshot["checkpoint"])
        self.model.load_state_dict(checkpoint.load(found, "ema"))
        images = self.evaluator.images.predict(self.model).rgb
        color = metrics.colorfulness(images).double().numpy()
        return self.evaluator.features(images), color

    def scores(
        self, measured: list[tuple[NDArray[Any], NDArray[Any]]], rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Score of every snapshot on the chosen images."""
        truth = moments(self.truth, rows)
        distances = [frechet_distance(moments(x, rows), truth) for x, _ in measured]
        ratios = [c[rows].mean() / self.truth_color[rows].mean() for _, c in measured]
        gaps = np.abs(1 - np.array(ratios, dtype=np.float64))
        scores: NDArray[np.float64] = np.array(distances) / distances[0] + self.weight * gaps
        return scores


def study_run(folder: Path) -> dict[str, Any]:
    """Compare the rule's pick with the best snapshot, for one run.

    Keys: run, snapshots, picked and best (images), picked_score and best_score (held out),
    difference, noise (the 95 % margin of that difference, over halves of the images),
    within_noise, before_score (of the generator before the GAN), scores. Raises GanColorError.
    """
    content = read_evaluations(folder)
    if content is None:
        raise GanColorError(
            f"study: found no {FILE} in {folder}, expected a run with early stopping"
        )
    snapshots: list[SnapshotMetrics] = content["evaluations"]
    rule = EarlyStoppingConfig(**content["rule"]).model_copy(update={"stop": True})
    picked = replay(snapshots, rule)
    held_out = _HeldOut(folder, content)
    with console.status(f"evaluating {len(snapshots)} snapshots of {folder.name}"):
        measured = [held_out.measure(snapshot) for snapshot in snapshots]
        count = len(held_out.truth)
        scores = held_out.scores(measured, np.arange(count))
        best = int(scores.argmin())
        generator = np.random.default_rng(0)
        pair = [measured[0], measured[picked], measured[best]]
        spread = []
        for _ in range(RESAMPLES if picked != best else 0):
            rows = generator.permutation(count)[: count // 2]
            _, a, b = held_out.scores(pair, np.sort(rows))
            spread.append(a - b)
    difference = float(scores[picked] - scores[best])
    noise = NORMAL_95 * float(np.std(spread)) if spread else 0.0
    return {
        "run": folder.name,
        "snapshots": len(snapshots),
        "images": count,
        "picked": snapshots[picked]["images"],
        "best": snapshots[best]["images"],
        "before_score": float(scores[0]),
        "picked_score": float(scores[picked]),
        "best_score": float(scores[best]),
        "difference": difference,
        "noise": noise,
        "within_noise": difference <= noise,
        "scores": [round(float(score), 4) for score in scores],
    }
