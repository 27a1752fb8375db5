"""Training crops, and what time, copying and old film do to a photograph."""

import math
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from gan_color.config.stages import AugmentConfig
from gan_color.config.transforms import build_transforms, without_update_check

with without_update_check():
    import albumentations as A

PANCHROMATIC = np.array((0.299, 0.587, 0.114), np.float32)  # Rec. 601 luma
INPUT = "input"  # a transform's name for the photo that L is taken from
ORTHOCHROMATIC = np.array((0.0, 0.5, 0.5), np.float32)


class OrthochromaticFilm(A.ImageOnlyTransform):
    """Gray as film that hardly sees red has it: dark faces and lips, white skies.

    Most photographs before the 1920s were taken on such film. Its share is uniform in 0.3..1, the
    rest is luma. Expects and returns uint8 RGB [H, W, 3].
    """

    def get_params(self) -> dict[str, Any]:
        return {"share": self.py_random.uniform(0.3, 1.0)}

    def apply(self, img: NDArray[np.uint8], share: float, **params: Any) -> NDArray[np.uint8]:
        weights = share * ORTHOCHROMATIC + (1 - share) * PANCHROMATIC
        gray = np.rint(img.astype(np.float32) @ weights).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)


def degradation_transform(probability: float) -> A.Compose:
    """Film, blur, fading, grain and JPEG, each at random, for that share of the images."""
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


class _ResizedCrop(A.RandomResizedCrop):
    """A random box of the image, resized bilinearly with anti-aliasing: PyTorch's is several
    times faster than OpenCV's INTER_AREA, and OpenCV's INTER_LINEAR would alias.
    """

    def apply(
        self, img: NDArray[np.uint8], crop_coords: tuple[int, int, int, int], **_: Any
    ) -> NDArray[np.uint8]:
        left, top, right, bottom = crop_coords
        box = torch.from_numpy(img[top:bottom, left:right]).permute(2, 0, 1)[None]
        crop = F.interpolate(box, self.size, mode="bilinear", antialias=True)
        pixels: NDArray[np.uint8] = crop[0].permute(1, 2, 0).numpy()
        return pixels


def pixels_needed(size: int, augment: AugmentConfig) -> int:
    """Of an image's shorter side, so that no crop of it is enlarged to `size` for want of them."""
    low, high = augment.ratio
    return math.ceil(size / math.sqrt(augment.scale[0] * min(low, 1 / high)))


def training_transform(size: int, augment: AugmentConfig) -> A.Compose:
    """Random resized crop, flip, brightness and contrast, then `transforms`, as configured: alike
    for the image and, where a pair has one, for the input.
    """
    steps: list[A.BasicTransform] = [
        _ResizedCrop((size, size), scale=augment.scale, ratio=augment.ratio)
    ]
    if augment.rotate:
        steps.append(A.Rotate(limit=augment.rotate, border_mode=cv2.BORDER_REFLECT_101, p=1.0))
    if augment.flip:
        steps.append(A.HorizontalFlip(p=augment.flip))
    if augment.brightness or augment.contrast:
        steps.append(
            A.RandomBrightnessContrast(
                brightness_limit=augment.brightness, contrast_limit=augment.contrast, p=0.5
            )
        )
    every = [*steps, *build_transforms(augment.transforms)]
    return A.Compose(every, additional_targets={INPUT: "image"})
