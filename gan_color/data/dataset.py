"""An item is a uint8 RGB crop [3, size, size] and a label; albumentations makes the crop.

albumentations ignores the global seeds, so that every item carries a seed of its own: the same
(index, seed) gives the same crop in any process, whatever the number of workers.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from gan_color.config.stages import AugmentConfig
from gan_color.data.augment import INPUT, degradation_transform, pixels_needed, training_transform
from gan_color.data.index import ImageFile
from gan_color.errors import GanColorError
from gan_color.images.open import BadImageError, read_rgb
from gan_color.images.resize import to_tensor

Item = tuple[Tensor, ...]


class VanishedImageError(GanColorError):
    """A file that could be read when the run began, and cannot now."""

    def __init__(self, message: str) -> None:
        # A worker's exception comes back with the worker's traceback before its message.
        super().__init__(message.rstrip().splitlines()[-1].removeprefix(f"{QUALIFIED}: "))


QUALIFIED = f"{VanishedImageError.__module__}.{VanishedImageError.__qualname__}"


class CropDataset(Dataset[Item]):
    """Keys (index, seed) -> (crop, label), or (crop, label, seen crop) with degradation or pairs.

    The seen crop is where L is taken from: a pair's input, else the crop itself, degraded or not.
    ab always comes from the clean one. Raises VanishedImageError for a file that can no longer be
    read.
    """

    def __init__(self, files: list[ImageFile], size: int, augment: AugmentConfig) -> None:
        self.files = files
        self.enough = pixels_needed(size, augment)
        self.transform = training_transform(size, augment)
        self.degradation = (
            degradation_transform(augment.degradation) if augment.degradation else None
        )
        self.paired = any(file.input is not None for file in files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: tuple[int, int]) -> Item:
        index, seed = key
        file = self.files[index]
        self.transform.set_random_seed(seed)
        images = {"image": self._read(file.path)}
        if file.input is not None:
            images[INPUT] = self._read_input(file.input, images["image"].shape)
        images = self.transform(**images)
        crop = images["image"]
        seen = images.get(INPUT, crop)
        item = (to_tensor(crop), torch.tensor(file.label))
        if self.degradation is not None:
            self.degradation.set_random_seed(seed)
            seen = self.degradation(image=seen)["image"]
        elif not self.paired:
            return item
        return (*item, to_tensor(seen))

    def _read(self, path: Path) -> NDArray[np.uint8]:
        try:
            return read_rgb(path, self.enough)
        except BadImageError as error:
            raise VanishedImageError(
                f"data: {path} could be read when the run began, and cannot now: "
                f"{' '.join(str(error).split())}; put it back and --resume"
            ) from None

    def _read_input(self, path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """At the size of its partner: a JPEG may have come smaller than a PNG of the same size."""
        pixels = self._read(path)
        if pixels.shape == shape:
            return pixels
        height, width = shape[:2]
        resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        return resized.astype(np.uint8, copy=False)
