"""An item is a uint8 RGB crop [3, size, size] and a label; albumentations makes the crop.

albumentations ignores the global seeds, so that every item carries a seed of its own: the same
(index, seed) gives the same crop in any process, whatever the number of workers.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gan_color.config.stages import AugmentConfig
from gan_color.data.augment import degradation_transform, pixels_needed, training_transform
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
    """Keys (index, seed) -> (crop, label), or (crop, label, degraded crop) with degradation on.

    The degraded crop is where L is taken from; ab always comes from the clean one. Raises
    VanishedImageError for a file that can no longer be read.
    """

    def __init__(self, files: list[ImageFile], size: int, augment: AugmentConfig) -> None:
        self.files = files
        self.enough = pixels_needed(size, augment)
        self.transform = training_transform(size, augment)
        self.degradation = (
            degradation_transform(augment.degradation) if augment.degradation else None
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: tuple[int, int]) -> Item:
        index, seed = key
        file = self.files[index]
        self.transform.set_random_seed(seed)
        try:
            pixels = read_rgb(file.path, self.enough)
        except BadImageError as error:
            raise VanishedImageError(
                f"data: {file.path} could be read when the run began, and cannot now: "
                f"{' '.join(str(error).split())}; put it back and --resume"
            ) from None
        crop = self.transform(image=pixels)["image"]
        item = (to_tensor(crop), torch.tensor(file.label))
        if self.degradation is None:
            return item
        self.degradation.set_random_seed(seed)
        return (*item, to_tensor(self.degradation(image=crop)["image"]))
