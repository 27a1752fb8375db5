"""Image files at the size that a model is evaluated at."""

from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_color.images.open import read_rgb


def evaluation_transform(size: int) -> A.Compose:
    """Shortest side to `size`, then the centre square: the same for every model and run."""
    return A.Compose(
        [A.SmallestMaxSize(size, interpolation=cv2.INTER_AREA), A.CenterCrop(size, size)]
    )


def _to_tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def evaluation_crop(path: Path, size: int) -> Tensor:
    """The centre square of a picture as uint8 RGB [3, size, size]; raises BadImageError."""
    return _to_tensor(evaluation_transform(size)(image=read_rgb(path))["image"])
