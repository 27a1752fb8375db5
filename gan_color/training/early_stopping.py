"""Where a GAN stage has given what it can. DeOldify's author: useful learning ends in a small
window that no loss curve marks (https://github.com/jantic/DeOldify, "NoGAN").

Every K images the EMA generator is judged on fixed pictures, and the stage is judged by one rule:

    score = F / F0 + w |1 - CF / CF of the truth|

F is the Frechet distance to the truth in a backbone's feature space, F0 that of the generator
before the first adversarial stage, CF the mean colourfulness, w `colorfulness_weight`. The best
judgement is the last whose score fell by more than `minimum_gain` below the best before it, with
both guards kept; `patience` judgements without a new best end the stage, and the run goes back to
the best one. Guards look one way only, at the failure that adversarial colour training drifts to,
orange skin: in skin-like regions, chroma may not exceed the truth's by more than `skin_chroma`, and
hue may not have turned towards orange by more than `skin_hue` degrees since before the GAN.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_color.color.lab import AB_SCALE, float_to_rgb8, rgb8_to_float, rgb_to_lab, scale, to_rgb
from gan_color.config.stages import InflectionConfig
from gan_color.data.index import ImageFile
from gan_color.evaluation import metrics
from gan_color.evaluation.distances import Moments, frechet_distance, moments
from gan_color.evaluation.feature_extractors import FeatureSpace
from gan_color.images.files import spread
from gan_color.images.resize import evaluation_crop
from gan_color.losses.gan import Objective, discriminator_accuracy
from gan_color.models.base import Colorizer
from gan_color.models.discriminators import Discriminator
from gan_color.training.amp import Precision

BATCH = 16
Judgement = dict[str, Any]


def _hue(ab: Tensor) -> Tensor:
    return torch.rad2deg(torch.atan2(ab[:, 1], ab[:, 0])) % 360


def skin_like(lab: Tensor) -> Tensor:
    """[B, H, W] bool: hue 25-70 degrees, chroma 10-45, L* 30-92 in the true picture's Lab."""
    hue, chroma, L = _hue(lab[:, 1:]), lab[:, 1:].norm(dim=1), lab[:, 0]
    found: Tensor = (hue > 25) & (hue < 70) & (chroma > 10) & (chroma < 45) & (L > 30) & (L < 92)
    return found


def sky_like(lab: Tensor) -> Tensor:
    """[B, H, W] bool: hue 215-290 degrees, chroma above 6, L* above 45, in the upper half."""
    hue, chroma, L = _hue(lab[:, 1:]), lab[:, 1:].norm(dim=1), lab[:, 0]
    upper = torch.arange(lab.shape[2], device=lab.device) < lab.shape[2] // 2
    found: Tensor = (hue > 215) & (hue < 290) & (chroma > 6) & (L > 45) & upper[None, :, None]
    return found


class Watch:
    """Judges generators on a fixed set; the truth's features and regions are computed once."""

    def __init__(
        self, files: list[ImageFile], size: int, pictures: int, space: FeatureSpace, p: Precision
    ) -> None:
        self.precision = p
        self.files = [file.path for file in spread(files, pictures)]
        self.truth = torch.stack([evaluation_crop(path, size) for path in self.files])
        self.space = space.to(p.device).to(memory_format=torch.channels_last)
        self.truth_moments = self._moments(self.truth)
        self.truth_colorfulness = float(metrics.colorfulness(self.truth).mean())
        lab = torch.cat([rgb_to_lab(rgb8_to_float(part)) for part in self.truth.split(BATCH)])
        self.skin, self.sky = skin_like(lab), sky_like(lab)
        self.skin_chroma = _mean(lab[:, 1:].norm(dim=1), self.skin)
        self.before: Tensor | None = None  # ab of the generator before the GAN

    def _moments(self, pictures: Tensor) -> Moments:
        return moments(self.features(pictures))

    @torch.no_grad()
    def features(self, pictures: Tensor) -> NDArray[np.float32]:
        """[N, C] of uint8 pictures [N, 3, H, W], in the space of the distance."""
        found = []
        for part in pictures.split(BATCH):
            with self.precision.autocast():
                found.append(self.space(part.to(self.precision.device)).float().cpu())
        features: NDArray[np.float32] = torch.cat(found).numpy()
        return features

    @torch.no_grad()
    def colour(self, generator: Colorizer) -> tuple[Tensor, Tensor]:
        """(ab unscaled [N, 2, H, W], uint8 pictures), on the CPU."""
        colours, pictures = [], []
        for part in self.truth.split(BATCH):
            L, _ = scale(rgb_to_lab(rgb8_to_float(part.to(self.precision.device))))
            with self.precision.autocast():
                ab = generator.colorize(L)
            colours.append(ab.cpu() * AB_SCALE)
            pictures.append(float_to_rgb8(to_rgb(L, ab)).cpu())
        return torch.cat(colours), torch.cat(pictures)

    def remember(self, generator: Colorizer) -> None:
        """Take this generator for the one before the GAN, from which drift is measured."""
        self.before = self.colour(generator)[0]

    def judge(
        self,
        generator: Colorizer,
        discriminator: Discriminator,
        objective: Objective,
    ) -> Judgement:
        """Figures of a generator, and the discriminators' accuracies on its fakes.

        frechet; colorfulness_ratio (of the truth's); drift, the mean distance of ab from before
        the GAN; skin_hue and sky_hue, degrees turned since then (positive: towards yellow, and
        towards red); skin_chroma, above the truth's. Null where no picture has such a region.
        """
        assert self.before is not None
        ab, pictures = self.colour(generator)
        found: Judgement = {
            "frechet": frechet_distance(self._moments(pictures), self.truth_moments),
            "colorfulness_ratio": float(metrics.colorfulness(pictures).mean())
            / self.truth_colorfulness,
            "drift": float((ab - self.before).norm(dim=1).mean()),
            "skin_hue": self._turn(ab, self.skin),
            "sky_hue": self._turn(ab, self.sky),
            "skin_chroma": None,
        }
        chroma = _mean(ab.norm(dim=1), self.skin)
        if chroma is not None and self.skin_chroma is not None:
            found["skin_chroma"] = chroma - self.skin_chroma
        return found | self._accuracies(pictures, discriminator, objective)

    def _turn(self, ab: Tensor, region: Tensor) -> float | None:
        """Degrees that a region's mean colour has turned, in -180..180."""
        assert self.before is not None
        if not region.any():
            return None
        now, then = (_hue(_mean_ab(x, region)) for x in (ab, self.before))
        return float((now - then + 180) % 360 - 180)

    @torch.no_grad()
    def _accuracies(
        self, pictures: Tensor, discriminator: Discriminator, objective: Objective
    ) -> Judgement:
        was_training = discriminator.training
        discriminator.eval()
        sums: list[float] = []
        for truth, fake in zip(self.truth.split(BATCH), pictures.split(BATCH), strict=True):
            maps = []
            for picture in (truth, fake):
                L, ab = scale(rgb_to_lab(rgb8_to_float(picture.to(self.precision.device))))
                with self.precision.autocast():
                    maps.append(discriminator(L, ab))
            found = [float(x) * len(truth) for x in discriminator_accuracy(objective, *maps)]
            sums = [a + b for a, b in zip(sums or [0.0] * len(found), found, strict=True)]
        discriminator.train(was_training)
        return {f"fresh_accuracy_{i}": value / len(self.truth) for i, value in enumerate(sums)}


def _mean(values: Tensor, region: Tensor) -> float | None:
    return float(values[region].mean()) if region.any() else None


def _mean_ab(ab: Tensor, region: Tensor) -> Tensor:
    return ab.permute(0, 2, 3, 1)[region].mean(dim=0)[None]


@dataclass(frozen=True)
class Verdict:
    """The rule's answer: which judgement is best, and whether the stage should end."""

    best: int
    stop: bool


def score(judgement: Judgement, first: Judgement, config: InflectionConfig) -> float:
    """The figure that the rule minimises; the first judgement's is 1 + w |1 - CF ratio|."""
    distance = judgement["frechet"] / max(first["frechet"], 1e-12)
    gap = abs(1 - judgement["colorfulness_ratio"])
    return float(distance + config.colorfulness_weight * gap)


def allowed(judgement: Judgement, config: InflectionConfig) -> bool:
    """True where skin has not gone orange. The generator before the GAN is always allowed."""
    chroma, hue = judgement["skin_chroma"], judgement["skin_hue"]
    return (chroma is None or chroma <= config.skin_chroma) and (
        hue is None or hue <= config.skin_hue
    )


def decide(judgements: list[Judgement], config: InflectionConfig) -> Verdict:
    """The rule, on everything judged so far; the first is the generator before the GAN."""
    first = judgements[0]
    best, lowest = 0, score(first, first, config)
    for i, judgement in enumerate(judgements[1:], 1):
        value = score(judgement, first, config)
        if value < lowest - config.minimum_gain and allowed(judgement, config):
            best, lowest = i, value
    cycle = judgements[-1]["cycle"]
    start = next(i for i, judgement in enumerate(judgements) if judgement["cycle"] == cycle)
    waited = len(judgements) - 1 - max(best, start)
    return Verdict(best, config.stop and waited >= config.patience)
