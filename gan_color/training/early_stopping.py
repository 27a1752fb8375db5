"""When a GAN stage has given what it can. DeOldify's author: useful learning ends in a small window
that no loss curve marks (https://github.com/jantic/DeOldify, "NoGAN").

Every K images the EMA generator is evaluated on fixed images, and the stage is scored:

    score = F / F0 + w |1 - CF / CF of the truth|

F is the Fréchet distance to the truth in a backbone's feature space, F0 that of the generator
before the first adversarial stage, CF the mean colorfulness, w `colorfulness_weight`. The best
snapshot is the last whose score fell by more than `min_delta` below the best before it, within both
guards; `patience` evaluations without a new best end the stage, and the run goes back to the best
one. Guards look one way only, at the failure that adversarial color training drifts to, orange
skin: in skin-like regions, chroma may not exceed the truth's by more than `max_skin_chroma`, and
hue may not have turned toward orange by more than `max_skin_hue` degrees since before the GAN.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_color.color.lab import AB_SCALE, from_rgb8, rgb_to_lab, to_float
from gan_color.config.stages import EarlyStoppingConfig
from gan_color.evaluation import metrics
from gan_color.evaluation.distances import frechet_distance, moments
from gan_color.evaluation.feature_extractors import FeatureExtractor
from gan_color.evaluation.validation_set import ValidationSet
from gan_color.losses.gan import GanMode
from gan_color.models.base import Colorizer
from gan_color.models.discriminators import Discriminator

BATCH = 16
SnapshotMetrics = dict[str, Any]


def _hue(ab: Tensor) -> Tensor:
    return torch.rad2deg(torch.atan2(ab[:, 1], ab[:, 0])) % 360


def skin_like(lab: Tensor) -> Tensor:
    """[B, H, W] bool: hue 25-70 degrees, chroma 10-45, L* 30-92 in the true image's Lab."""
    hue, chroma, L = _hue(lab[:, 1:]), lab[:, 1:].norm(dim=1), lab[:, 0]
    found: Tensor = (hue > 25) & (hue < 70) & (chroma > 10) & (chroma < 45) & (L > 30) & (L < 92)
    return found


class SnapshotEvaluator:
    """Evaluates generators on a validation set; the truth's features and skin are computed once."""

    def __init__(self, images: ValidationSet, extractor: FeatureExtractor) -> None:
        self.images = images
        self.extractor = extractor.to(images.device).to(memory_format=torch.channels_last)
        self.truth_moments = moments(self.features(images.truth))
        self.truth_colorfulness = float(metrics.colorfulness(images.truth).mean())
        lab = torch.cat([rgb_to_lab(to_float(part)) for part in images.truth.split(BATCH)])
        self.skin = skin_like(lab)
        self.skin_chroma = _mean(lab[:, 1:].norm(dim=1), self.skin)

    @torch.no_grad()
    def features(self, images: Tensor) -> NDArray[np.float32]:
        """[N, C] of uint8 images [N, 3, H, W], in the feature space of the distance."""
        found = []
        for part in images.split(BATCH):
            with self.images.autocast():
                found.append(self.extractor(part.to(self.images.device)).float().cpu())
        features: NDArray[np.float32] = torch.cat(found).numpy()
        return features

    def skin_hue(self, generator: Colorizer) -> float | None:
        """Hue of skin-like regions' mean color, degrees; None where no image has any."""
        return self._skin_hue(self.images.predict(generator).ab * AB_SCALE)

    def evaluate(
        self,
        generator: Colorizer,
        discriminator: Discriminator,
        gan_mode: GanMode,
        baseline_hue: float | None,
    ) -> SnapshotMetrics:
        """Metrics of a generator, and the discriminators' accuracies on its fakes.

        frechet; colorfulness_ratio (of the truth's); skin_hue_angle, degrees; skin_hue, degrees
        that it turned since `baseline_hue`, the generator's before the GAN (positive: toward
        yellow); skin_chroma, above the truth's. Null where no image has skin.
        """
        predicted = self.images.predict(generator)
        ab = predicted.ab * AB_SCALE
        angle, chroma = self._skin_hue(ab), _mean(ab.norm(dim=1), self.skin)
        found: SnapshotMetrics = {
            "frechet": frechet_distance(moments(self.features(predicted.rgb)), self.truth_moments),
            "colorfulness_ratio": float(metrics.colorfulness(predicted.rgb).mean())
            / self.truth_colorfulness,
            "skin_hue_angle": angle,
            "skin_hue": None,
            "skin_chroma": None,
        }
        if angle is not None:
            start = angle if baseline_hue is None else baseline_hue
            found["skin_hue"] = float((torch.tensor(angle) - start + 180) % 360 - 180)
        if chroma is not None and self.skin_chroma is not None:
            found["skin_chroma"] = chroma - self.skin_chroma
        return found | self._accuracies(predicted.rgb, discriminator, gan_mode)

    def _skin_hue(self, ab: Tensor) -> float | None:
        if not self.skin.any():
            return None
        return float(_hue(ab.permute(0, 2, 3, 1)[self.skin].mean(dim=0)[None]))

    @torch.no_grad()
    def _accuracies(
        self, predicted: Tensor, discriminator: Discriminator, gan_mode: GanMode
    ) -> SnapshotMetrics:
        was_training = discriminator.training
        discriminator.eval()
        sums: dict[str, float] = {}
        truth = self.images.truth
        for real, fake in zip(truth.split(BATCH), predicted.split(BATCH), strict=True):
            maps = []
            for rgb in (real, fake):
                L, ab = from_rgb8(rgb.to(self.images.device))
                with self.images.autocast():
                    maps.append(discriminator(L, ab))
            for name, value in discriminator.accuracies(gan_mode, *maps).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(real)
        discriminator.train(was_training)
        return {f"fresh_{name}": value / len(truth) for name, value in sums.items()}


def _mean(values: Tensor, region: Tensor) -> float | None:
    return float(values[region].mean()) if region.any() else None


@dataclass(frozen=True)
class StopDecision:
    """What the rule says: which snapshot is best, and whether the stage should end."""

    best: int
    stop: bool


def score(snapshot: SnapshotMetrics, first: SnapshotMetrics, config: EarlyStoppingConfig) -> float:
    """The figure that the rule minimizes; the first snapshot's is 1 + w |1 - CF ratio|."""
    distance = snapshot["frechet"] / max(first["frechet"], 1e-12)
    gap = abs(1 - snapshot["colorfulness_ratio"])
    return float(distance + config.colorfulness_weight * gap)


def within_guards(snapshot: SnapshotMetrics, config: EarlyStoppingConfig) -> bool:
    """True where skin has not gone orange. The generator before the GAN is always allowed."""
    chroma, hue = snapshot["skin_chroma"], snapshot["skin_hue"]
    return (chroma is None or chroma <= config.max_skin_chroma) and (
        hue is None or hue <= config.max_skin_hue
    )


def decide(snapshots: list[SnapshotMetrics], config: EarlyStoppingConfig) -> StopDecision:
    """The rule, on all evaluations so far; the first is the generator before the GAN."""
    first = snapshots[0]
    best, lowest = 0, score(first, first, config)
    for i, snapshot in enumerate(snapshots[1:], 1):
        value = score(snapshot, first, config)
        if value < lowest - config.min_delta and within_guards(snapshot, config):
            best, lowest = i, value
    cycle = snapshots[-1]["cycle"]
    start = next(i for i, snapshot in enumerate(snapshots) if snapshot["cycle"] == cycle)
    waited = len(snapshots) - 1 - max(best, start)
    return StopDecision(best, config.stop_early and waited >= config.patience)
