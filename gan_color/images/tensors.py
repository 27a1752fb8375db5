"""Photos as tensors of the caller's own: in and out."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_color.images.damage import BadImageError


def array_of(photo: Tensor) -> NDArray[Any]:
    """[H, W, C] of [C, H, W]: uint8 as it is, 0..1 as uint16. Raises BadImageError."""
    if photo.ndim != 3 or photo.shape[0] not in (1, 3, 4):
        raise BadImageError(
            f"a tensor {tuple(photo.shape)}, expected [C, H, W] with 1, 3 or 4 channels"
        )
    if photo.is_floating_point():
        if not bool(((photo >= 0) & (photo <= 1)).all()):
            raise BadImageError("a tensor with values outside of 0..1, expected those or uint8")
        array: NDArray[Any] = (photo.float() * 65535).round().cpu().numpy().astype(np.uint16)
    elif photo.dtype == torch.uint8:
        array = photo.cpu().numpy()
    else:
        raise BadImageError(f"a tensor of {photo.dtype}, expected uint8 or floating point in 0..1")
    return array.transpose(1, 2, 0)


def tensor_like(photo: Tensor, array: NDArray[Any]) -> Tensor:
    """[C, H, W] of [H, W, C], of the type and on the device of `photo`."""
    found = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)).astype(np.int32))
    if photo.is_floating_point():
        return (found.double() / 65535).to(photo)
    return found.to(photo)
