"""Image files at the size that a model is evaluated at."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_color.images.open import BadImageError, open_image, read_rgb, to_srgb

EvalResize = Literal["bicubic", "area"]


def evaluation_crop(path: Path, size: int, resize: EvalResize = "bicubic") -> Tensor:
    """The center square of an image file as uint8 sRGB [3, size, size]; raises BadImageError, which
    names the file.

    "bicubic" is Pillow's antialiased filter on the square, as the field's protocols have it;
    "area" averages areas before the crop, which runs of earlier versions were validated on.
    """
    try:
        if resize == "bicubic":
            return to_tensor(bicubic_square(to_srgb(open_image(path)), size))
        return to_tensor(_area_square(read_rgb(path), size))
    except BadImageError as error:
        raise BadImageError(f"{path}: {error}") from None


def bicubic_square(image: Image.Image, size: int) -> Image.Image:
    """The center square at `size` x `size`; untouched where it has that size already."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    if side == size:
        return square
    return square.resize((size, size), Image.Resampling.BICUBIC)


def _area_square(rgb: np.ndarray, size: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    scale = size / min(height, width)
    if scale != 1:
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = cv2.resize(rgb, target, interpolation=cv2.INTER_AREA)
    top, left = (rgb.shape[0] - size) // 2, (rgb.shape[1] - size) // 2
    return rgb[top : top + size, left : left + size]


def to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """uint8 [3, H, W] of a PIL image or of pixels [H, W, 3]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
