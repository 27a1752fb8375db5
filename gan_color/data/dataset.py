"""An item is a uint8 RGB crop [3, size, size] and a label; albumentations makes the crop.

albumentations ignores the global seeds, so that every item carries a seed of its own: the same
(index, seed) gives the same crop in any process, whatever the number of workers.
"""

import math
import re
from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from gan_color.config import DataConfig, FolderConfig
from gan_color.config_stages import AugmentConfig
from gan_color.data.film import degradation
from gan_color.data.images import ImageFile, Index, ScanCache, examine, find_images, read_rgb
from gan_color.data.shards import tar_of
from gan_color.errors import GanColorError

Item = tuple[Tensor, ...]


class _ResizedCrop(A.RandomResizedCrop):
    """A random box of the picture, resized bilinearly with anti-aliasing: PyTorch's is several
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
    """Of a picture's shorter side, so that no crop of it is enlarged to `size` for want of them."""
    low, high = augment.ratio
    return math.ceil(size / math.sqrt(augment.scale[0] * min(low, 1 / high)))


def training_transform(size: int, augment: AugmentConfig) -> A.Compose:
    """Random resized crop, flip, brightness and contrast, as configured."""
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
    return A.Compose(steps)


def evaluation_transform(size: int) -> A.Compose:
    """Shortest side to `size`, then the centre square: the same for every model and run."""
    return A.Compose(
        [A.SmallestMaxSize(size, interpolation=cv2.INTER_AREA), A.CenterCrop(size, size)]
    )


def _to_tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


class CropDataset(Dataset[Item]):
    """Keys (index, seed) -> (crop, label), or (crop, label, degraded crop) with degradation on.

    The degraded crop is where L is taken from; ab always comes from the clean one.
    """

    def __init__(self, files: list[ImageFile], size: int, augment: AugmentConfig) -> None:
        self.files = files
        self.enough = pixels_needed(size, augment)
        self.transform = training_transform(size, augment)
        self.degrade = degradation(augment.degrade) if augment.degrade else None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: tuple[int, int]) -> Item:
        index, seed = key
        file = self.files[index]
        self.transform.set_random_seed(seed)
        crop = self.transform(image=read_rgb(file.path, self.enough))["image"]
        item = (_to_tensor(crop), torch.tensor(file.label))
        if self.degrade is None:
            return item
        self.degrade.set_random_seed(seed)
        return (*item, _to_tensor(self.degrade(image=crop)["image"]))


def evaluation_crop(path: Path, size: int) -> Tensor:
    """The centre square of a picture as uint8 RGB [3, size, size]; raises BadImageError."""
    return _to_tensor(evaluation_transform(size)(image=read_rgb(path))["image"])


def scan(folders: tuple[FolderConfig, ...], data: DataConfig, cache: ScanCache) -> Index:
    """Find and check every picture of the folders and their tars; subfolders become classes.

    `data.source_pattern` names the source of a file by the first group of a regular expression on
    its name; without it, a folder is one source. Raises GanColorError for a folder without images.
    """
    index = Index()
    found = [(i, f.path, find_images(f.path, shards=True)) for i, f in enumerate(folders)]
    labelled = {
        path: path.relative_to(root).parts[0]
        for _, root, paths in found
        for path in paths
        if len(path.relative_to(root).parts) > 1 and tar_of(path) is None
    }
    index.classes = sorted(set(labelled.values()))
    label_of = {name: i for i, name in enumerate(index.classes)}
    for i, root, paths in found:
        for path, known in zip(paths, examine(paths, cache), strict=True):
            if "bad" in known:
                index.bad.append((path, str(known["bad"])))
                continue
            label = label_of[labelled[path]] if path in labelled else -1
            index.files.append(
                ImageFile(
                    path,
                    str(known["digest"]),
                    bool(known["grey"]),
                    label,
                    _source(path, root, data.source_pattern),
                    i,
                )
            )
    return index


def _source(path: Path, root: Path, pattern: str | None) -> str:
    if pattern is None:
        return root.name
    match = re.search(pattern, path.name)
    if match is None:
        raise GanColorError(
            f"data.source_pattern: {pattern!r} does not match the file name {path.name!r}"
        )
    return match.group(1)
