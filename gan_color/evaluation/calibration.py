"""Two numbers that keep a model from tinting what is neutral, fitted on photographs it never saw.

A trained model is surer of itself on new photographs than it should be: it gives stone, roads and
white walls the faint tints that it could read off its training pictures. On those nothing is wrong,
so no loss will mend it. Shrinkage, as an empirical Wiener filter does it (Donoho and Johnstone 1994
compare such rules, https://doi.org/10.1093/biomet/81.3.425), takes weak chroma for noise: of a
chroma c it keeps the share c^2 / (c^2 + threshold^2). A gain makes up for the colour that is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gan_color.color.lab import float_to_rgb8, rgb8_to_float, rgb_to_lab, scale, to_rgb
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.images.resize import evaluation_crop
from gan_color.models.base import Colorizer, shrink

THRESHOLDS = tuple(range(0, 13, 2))  # of chroma, in units of a* and b*
GAINS = (0.5, 2.0)
HALVINGS = 8
AT_ONCE = 8  # pictures


@dataclass(frozen=True)
class Figures:
    """Means over pictures; `colorfulness` as a share of the truth's."""

    psnr: float
    delta_e2000: float
    colorfulness: float


@dataclass(frozen=True)
class Calibration:
    """Threshold (a*, b*) and gain, and what they change on the pictures they were fitted on."""

    threshold: float
    gain: float
    before: Figures
    after: Figures


def calibrate(
    model: Colorizer,
    paths: Sequence[Path],
    size: int = 256,
    colorfulness: float | None = None,
    threshold: float | None = None,
) -> Calibration:
    """The threshold of least mean CIEDE2000 among THRESHOLDS, or the given one, and its gain.

    The gain is what gives `colorfulness` (a share of the truth's; by default what the model has
    without either). Centre squares of `size` pixels. `model` is left as it is, and what it has of
    both is not applied. Raises GanColorError where no gain gives that much colour.
    """
    truth = torch.cat([evaluation_crop(path, size)[None] for path in paths])
    answers = _Answers(model, truth)
    before = answers.figures(0.0, 1.0)
    wanted = before.colorfulness if colorfulness is None else colorfulness
    found: list[tuple[float, float, Figures]] = []
    for candidate in THRESHOLDS if threshold is None else (threshold,):
        gain = answers.gain_for(candidate, wanted)
        found.append((candidate, gain, answers.figures(candidate, gain)))
    best = min(found, key=lambda each: each[2].delta_e2000)
    return Calibration(best[0], best[1], before, best[2])


class _Answers:
    """A model's chroma for some pictures, and what comes of it."""

    def __init__(self, model: Colorizer, truth: Tensor) -> None:
        self.truth = truth
        self.colorfulness = float(metrics.colorfulness(truth).mean())
        if self.colorfulness < 1:
            raise GanColorError("calibrate: found grey pictures only, expected colour photographs")
        lightness, chroma = [], []
        for part in truth.split(AT_ONCE):
            L = scale(rgb_to_lab(rgb8_to_float(part)))[0]
            lightness.append(L)
            chroma.append(model.colorize(L.to(model.device), calibrated=False).cpu())
        self.parts = list(zip(lightness, chroma, truth.split(AT_ONCE), strict=True))

    def pictures(self, threshold: float, gain: float) -> list[Tensor]:
        return [float_to_rgb8(to_rgb(L, shrink(ab, threshold, gain))) for L, ab, _ in self.parts]

    def share(self, pictures: list[Tensor]) -> float:
        found = torch.cat([metrics.colorfulness(part) for part in pictures])
        return float(found.mean()) / self.colorfulness

    def gain_for(self, threshold: float, colorfulness: float) -> float:
        low, high = GAINS
        least, most = (self.share(self.pictures(threshold, gain)) for gain in GAINS)
        if not least <= colorfulness <= most:
            raise GanColorError(
                f"calibrate: colorfulness: found {colorfulness:.0%} of the truth's, expected "
                f"{least:.0%} to {most:.0%}, which gains of {low} to {high} give"
            )
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self.share(self.pictures(threshold, middle)) > colorfulness:
                high = middle
            else:
                low = middle
        return round((low + high) / 2, 3)

    def figures(self, threshold: float, gain: float) -> Figures:
        pictures = self.pictures(threshold, gain)
        pairs = [(found, truth) for found, (_, _, truth) in zip(pictures, self.parts, strict=True)]
        psnr = torch.cat([metrics.psnr(*pair).clamp(max=100) for pair in pairs]).mean()
        difference = torch.cat([metrics.delta_e2000(*pair).mean for pair in pairs]).mean()
        return Figures(float(psnr), float(difference), self.share(pictures))
