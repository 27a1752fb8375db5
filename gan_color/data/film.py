"""What time, copying and old film do to a photograph."""

from typing import Any

import albumentations as A
import numpy as np
from numpy.typing import NDArray

PANCHROMATIC = np.array((0.299, 0.587, 0.114), np.float32)  # Rec. 601 luma
ORTHOCHROMATIC = np.array((0.0, 0.5, 0.5), np.float32)


class OrthochromaticFilm(A.ImageOnlyTransform):
    """Grey as film that hardly sees red has it: dark faces and lips, white skies.

    Most photographs before the 1920s were taken on such film. Its share is uniform in 0.3..1, the
    rest is luma. Expects and returns uint8 RGB [H, W, 3].
    """

    def get_params(self) -> dict[str, Any]:
        return {"share": self.py_random.uniform(0.3, 1.0)}

    def apply(self, img: NDArray[np.uint8], share: float, **params: Any) -> NDArray[np.uint8]:
        weights = share * ORTHOCHROMATIC + (1 - share) * PANCHROMATIC
        grey = np.rint(img.astype(np.float32) @ weights).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)


def degradation(probability: float) -> A.Compose:
    """Film, blur, fading, grain and JPEG, each at random, for that share of the pictures."""
    return A.Compose(
        [
            OrthochromaticFilm(p=0.4),
            A.OneOf([A.GaussianBlur(sigma_limit=(0.4, 1.5)), A.Downscale((0.5, 0.9))], p=0.4),
            A.RandomToneCurve(scale=0.15, p=0.3),
            A.RandomBrightnessContrast((-0.1, 0.2), (-0.4, 0.1), p=0.4),
            A.GaussNoise(std_range=(0.01, 0.08), per_channel=False, p=0.6),
            A.ImageCompression(quality_range=(30, 90), p=0.5),
        ],
        p=probability,
    )
