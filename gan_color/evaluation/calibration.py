"""Two numbers that keep a model from tinting what is neutral, fitted on photographs it never saw.

A trained model is surer of itself on new photographs than it should be: it gives stone, roads and
white walls the faint tints that it could read off its training images. On those nothing is wrong,
so no loss will mend it. Shrinkage, as an empirical Wiener filter does it (Donoho and Johnstone 1994
compare such rules, https://doi.org/10.1093/biomet/81.3.425), takes weak chroma for noise: of a
chroma c it keeps the share c^2 / (c^2 + threshold^2). A gain makes up for the color that is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gan_color.color.lab import (
    from_rgb8,
    to_rgb8,
)
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.evaluation.mean_figures import MeanFigures, colorfulness_share, mean_figures
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.validation_set import BATCH, ValidationSet
from gan_color.images.files import find_images, spread
from gan_color.images.open import BadImageError
from gan_color.models.base import Colorizer, shrink_chroma

THRESHOLDS = tuple(range(0, 13, 2))  # of chroma, in units of a* and b*
GAINS = (0.5, 2.0)
HALVINGS = 8


@dataclass(frozen=True)
class Calibration:
    """Threshold (a*, b*) and gain, and what they change on the images they were fitted on."""

    threshold: float
    gain: float
    before: MeanFigures
    after: MeanFigures


def calibrate(
    model: Colorizer,
    paths: Sequence[Path],
    size: int = 256,
    colorfulness: float | None = None,
    threshold: float | None = None,
) -> Calibration:
    """The threshold of least mean CIEDE2000 among THRESHOLDS, or the given one, and its gain.

    The gain is what gives `colorfulness` (a share of the truth's; by default what the model has
    without either). Center squares of `size` pixels. `model` is left as it is, and what it has of
    both is not applied. Raises GanColorError where no gain gives that much color.
    """
    images = ValidationSet(paths, size, device=model.device)
    predictions = _Predictions(model, images)
    before = predictions.figures(0.0, 1.0)
    wanted = before.colorfulness if colorfulness is None else colorfulness
    found: list[tuple[float, float, MeanFigures]] = []
    for candidate in THRESHOLDS if threshold is None else (threshold,):
        gain = predictions.gain_for(candidate, wanted)
        found.append((candidate, gain, predictions.figures(candidate, gain)))
    best = min(found, key=lambda each: each[2].delta_e2000)
    return Calibration(best[0], best[1], before, best[2])


def color_photographs(folder: Path, count: int) -> tuple[list[Path], list[str]]:
    """(color photographs, the others and why), of `count` files evenly spread over a folder.

    Raises GanColorError where no color photograph is among them.
    """
    found, skipped = [], []
    protocol = EvalProtocol()
    for path in spread(find_images(folder), count):
        try:
            protocol.read(path)
        except BadImageError as error:
            skipped.append(f"{path}: {error}")
        else:
            found.append(path)
    if not found:
        raise GanColorError(
            f"calibrate: found {len(skipped)} gray or unreadable files in {folder}, expected color "
            f"photographs; the first is {skipped[0]}"
        )
    return found, skipped


class _Predictions:
    """A model's chroma for some images, and what comes of it."""

    def __init__(self, model: Colorizer, images: ValidationSet) -> None:
        self.truth = images.truth
        if float(metrics.colorfulness(self.truth).mean()) < 1:
            raise GanColorError("calibrate: found gray images only, expected color photographs")
        self.ab = images.predict(model, calibrated=False).ab

    def images(self, threshold: float, gain: float) -> Tensor:
        parts = zip(self.truth.split(BATCH), self.ab.split(BATCH), strict=True)
        return torch.cat(
            [
                to_rgb8(from_rgb8(truth)[0], shrink_chroma(ab, threshold, gain))
                for truth, ab in parts
            ]
        )

    def share(self, threshold: float, gain: float) -> float:
        return colorfulness_share(self.images(threshold, gain), self.truth)

    def gain_for(self, threshold: float, colorfulness: float) -> float:
        low, high = GAINS
        least, most = (self.share(threshold, gain) for gain in GAINS)
        if not least <= colorfulness <= most:
            raise GanColorError(
                f"calibrate: colorfulness: found {colorfulness:.0%} of the truth's, expected "
                f"{least:.0%} to {most:.0%}, which gains of {low} to {high} give"
            )
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self.share(threshold, middle) > colorfulness:
                high = middle
            else:
                low = middle
        return round((low + high) / 2, 3)

    def figures(self, threshold: float, gain: float) -> MeanFigures:
        return mean_figures(self.images(threshold, gain), self.truth)
