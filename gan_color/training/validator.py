"""A fixed set of validation pictures: quick figures and preview sheets during a run."""

import torch
from torch import Tensor

from gan_color.color.lab import float_to_rgb8, rgb8_to_float, rgb_to_lab, scale, to_rgb
from gan_color.data.index import ImageFile
from gan_color.evaluation import metrics
from gan_color.images.files import spread
from gan_color.images.resize import evaluation_crop
from gan_color.models.base import Colorizer
from gan_color.training.amp import Precision

BATCH = 16


class Judge:
    """Holds the true pictures as uint8 [N, 3, size, size]; colours them when asked."""

    def __init__(
        self, files: list[ImageFile], size: int, shown: int, judged: int, precision: Precision
    ) -> None:
        chosen = spread(files, judged)
        self.truth = torch.stack([evaluation_crop(file.path, size) for file in chosen])
        self.shown = spread(range(len(chosen)), shown)
        self.precision = precision

    @torch.no_grad()
    def colour(self, model: Colorizer, truth: Tensor) -> Tensor:
        """The model's colours for the lightness of uint8 pictures [B, 3, H, W]."""
        device = self.precision.device
        L, _ = scale(rgb_to_lab(rgb8_to_float(truth.to(device))))
        with self.precision.autocast():
            ab = model.colorize(L)
        return float_to_rgb8(to_rgb(L, ab)).cpu()

    def measure(self, model: Colorizer) -> dict[str, float]:
        """PSNR (dB) and colourfulness of the model, and the truth's, means over the set."""
        pictures = torch.cat([self.colour(model, part) for part in self.truth.split(BATCH)])
        return {
            "psnr": float(metrics.psnr(pictures, self.truth).clamp(max=100).mean()),
            "colorfulness": float(metrics.colorfulness(pictures).mean()),
            "colorfulness_truth": float(metrics.colorfulness(self.truth).mean()),
        }

    def previews(self, average: Colorizer, raw: Colorizer) -> dict[str, Tensor]:
        """The shown pictures in grey, by the EMA generator, by the raw one, and in truth."""
        truth = self.truth[self.shown]
        L, ab = scale(rgb_to_lab(rgb8_to_float(truth)))
        return {
            "grey": float_to_rgb8(to_rgb(L, torch.zeros_like(ab))),
            "EMA": self.colour(average, truth),
            "raw": self.colour(raw, truth),
            "truth": truth,
        }
