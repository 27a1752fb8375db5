"""Does the inflection rule find what an exhaustive search finds? A study over finished runs.

A run is studied whose watched stage kept every snapshot (`run.keep` large, `inflection.stop`
false). The rule is replayed on the run's own judgements, as if it had been free to stop. Every
snapshot is then scored on pictures the rule never saw, and the rule's pick compared with the best.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan_color.config.stages import AdversarialStage, InflectionConfig
from gan_color.console import console
from gan_color.data.index import ImageFile, ScanCache, scan
from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.evaluation.distances import NORMAL_95, frechet_distance, moments
from gan_color.evaluation.feature_extractors import BackboneSpace
from gan_color.models import registry
from gan_color.training import amp, checkpoint
from gan_color.training.best_snapshot import FILE, find_space
from gan_color.training.early_stopping import Judgement, Watch, decide
from gan_color.training.trainer import resume_config

RESAMPLES = 200


def replay(judgements: list[Judgement], rule: InflectionConfig) -> int:
    """Index of the judgement a run under this rule would have gone back to."""
    verdict = decide(judgements[:1], rule)
    for count in range(1, len(judgements) + 1):
        verdict = decide(judgements[:count], rule)
        if verdict.stop:
            break
    return verdict.best


class _HeldOut:
    """Scores snapshots on a run's validation pictures that its watch did not judge by."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        config = resume_config(folder)
        stage = next(s for s in config.stages if s.name == content["chosen"]["of"])
        assert isinstance(stage, AdversarialStage)
        assert stage.inflection is not None
        seen = set(content["pictures"])
        index = scan(
            config.data.valid,
            config.data.model_copy(update={"source_pattern": None}),
            ScanCache(None),
        )
        files: list[ImageFile] = [f for f in index.files if str(f.path) not in seen and not f.grey]
        if len(files) < 20:
            raise GanColorError(
                f"study: found {len(files)} validation pictures that the watch of {folder} did not "
                "see, expected at least 20"
            )
        device = choose_device(config.run.device)
        kind = amp.choose(config.run.precision, device)
        space = find_space(config, stage)
        judging = BackboneSpace(
            space.backbone, space.weights, space.stride, dict(space.args), space.drop
        )
        size = stage.inflection.size or stage.size
        self.watch = Watch(files, size, len(files), judging, amp.Precision(kind, device))
        options = dict(config.model)
        name = options.pop("name")
        self.model = registry.model_class(name)(
            registry.parse_options(name, options).for_inference()
        )
        self.model.to(device).to(memory_format=torch.channels_last)
        self.weight = stage.inflection.colorfulness_weight
        self.truth = self.watch.features(self.watch.truth)
        self.truth_colour = metrics.colorfulness(self.watch.truth).double().numpy()
        self.folder = folder

    def measure(self, judgement: Judgement) -> tuple[NDArray[Any], NDArray[Any]]:
        """(features [N, C], colourfulness [N]) of a snapshot's EMA generator."""
        found = checkpoint.read(self.folder / "checkpoints" / judgement["checkpoint"])
        self.model.load_state_dict(checkpoint.load(found, "average"))
        _, pictures = self.watch.colour(self.model)
        colour = metrics.colorfulness(pictures).double().numpy()
        return self.watch.features(pictures), colour

    def scores(
        self, measured: list[tuple[NDArray[Any], NDArray[Any]]], rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Score of every snapshot on the chosen pictures."""
        truth = moments(self.truth, rows)
        distances = [frechet_distance(moments(x, rows), truth) for x, _ in measured]
        ratios = [c[rows].mean() / self.truth_colour[rows].mean() for _, c in measured]
        gaps = np.abs(1 - np.array(ratios, dtype=np.float64))
        scores: NDArray[np.float64] = np.array(distances) / distances[0] + self.weight * gaps
        return scores


def study_run(folder: Path) -> dict[str, Any]:
    """Compare the rule's pick with the best snapshot, for one run.

    Keys: run, snapshots, picked and best (images), picked_score and best_score (held out),
    difference, noise (the 95 % margin of that difference, over halves of the pictures),
    within_noise, before_score (of the generator before the GAN), scores. Raises GanColorError.
    """
    if not (folder / FILE).is_file():
        raise GanColorError(f"study: found no {FILE} in {folder}, expected a watched run")
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    judgements: list[Judgement] = content["judgements"]
    rule = InflectionConfig(**content["rule"]).model_copy(update={"stop": True})
    picked = replay(judgements, rule)
    held_out = _HeldOut(folder, content)
    with console.status(f"judging {len(judgements)} snapshots of {folder.name}"):
        measured = [held_out.measure(judgement) for judgement in judgements]
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
        "snapshots": len(judgements),
        "pictures": count,
        "picked": judgements[picked]["images"],
        "best": judgements[best]["images"],
        "before_score": float(scores[0]),
        "picked_score": float(scores[picked]),
        "best_score": float(scores[best]),
        "difference": difference,
        "noise": noise,
        "within_noise": difference <= noise,
        "scores": [round(float(score), 4) for score in scores],
    }
