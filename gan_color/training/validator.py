"""Quick metrics and preview sheets of a generator during a run, on fixed validation images."""

from torch import Tensor

from gan_color.config.schema import Config
from gan_color.data.index import ImageFile
from gan_color.evaluation import metrics
from gan_color.evaluation.mean_figures import PSNR_LIMIT
from gan_color.evaluation.validation_set import ValidationSet
from gan_color.images.files import spread
from gan_color.models.base import Colorizer
from gan_color.training.amp import Precision


def validation_set(
    files: list[ImageFile], size: int, config: Config, precision: Precision
) -> ValidationSet:
    """The files' truth and inputs at `size`, predicted as the run trains."""
    return ValidationSet(
        [file.path for file in files],
        size,
        config.data.eval_resize,
        precision.device,
        precision.autocast,
        [file.input for file in files],
    )


class Validator:
    """Evaluates generators on a validation set, and previews `shown` of its images."""

    def __init__(self, images: ValidationSet, shown: int) -> None:
        self.images = images
        self.shown = spread(range(len(images.truth)), shown)

    def evaluate(self, model: Colorizer) -> dict[str, float]:
        """PSNR (dB) and colorfulness of the model, and the truth's, means over the set."""
        truth, predicted = self.images.truth, self.images.predict(model).rgb
        return {
            "psnr": float(metrics.psnr(predicted, truth).clamp(max=PSNR_LIMIT).mean()),
            "colorfulness": float(metrics.colorfulness(predicted).mean()),
            "colorfulness_truth": float(metrics.colorfulness(truth).mean()),
        }

    def previews(self, ema: Colorizer, raw: Colorizer) -> dict[str, Tensor]:
        """The shown images in gray, by the EMA generator, by the raw one, and in truth."""
        return {
            "gray": self.images.gray()[self.shown],
            "EMA": self.images.predict(ema, self.shown).rgb,
            "raw": self.images.predict(raw, self.shown).rgb,
            "truth": self.images.truth[self.shown],
        }
