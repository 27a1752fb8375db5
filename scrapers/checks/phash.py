"""pHash: 64 bits of the low frequencies of an image's luma (http://www.phash.org).

32 x 32 luma, DCT, the 8 x 8 lowest frequencies (with DC) thresholded at their median.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, LOW = 32, 8

_MIRRORED = np.tile(np.array([1, -1], np.float32), LOW // 2)


def phashes(views: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint64]:
    """Hashes [2, V] of gray images [H, W] and of their mirror images.

    Mirroring flips the sign of the odd horizontal frequencies.
    """
    low = np.empty((2, len(views), LOW, LOW), np.float32)
    for i, view in enumerate(views):
        small = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        low[0, i] = cv2.dct(small)[:LOW, :LOW]
    low[1] = low[0] * _MIRRORED
    flat = low.reshape(2, len(views), LOW * LOW)
    middle = np.partition(flat, (31, 32), axis=2)[..., 31:33].mean(axis=2, keepdims=True)
    bits = np.packbits(flat > middle, axis=2)
    return np.ascontiguousarray(bits).view(">u8")[..., 0].astype(np.uint64)


def turned_hashes(luma: NDArray[np.uint8]) -> list[int]:
    """The hashes of a gray image [H, W] turned by 90, 180 and 270 degrees, and of their mirror
    images. A transposed image has the transposed frequencies.
    """
    small = cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:LOW, :LOW]
    turned: list[NDArray[Any]] = [low * _MIRRORED[:, None], low * np.outer(_MIRRORED, _MIRRORED)]
    turned += [low.T, low.T * _MIRRORED, low.T * _MIRRORED[:, None]]
    turned.append(low.T * np.outer(_MIRRORED, _MIRRORED))
    flat = np.stack(turned).reshape(len(turned), LOW * LOW)
    middle = np.partition(flat, (31, 32), axis=1)[:, 31:33].mean(axis=1, keepdims=True)
    bits = np.packbits(flat > middle, axis=1)
    found: list[int] = np.ascontiguousarray(bits).view(">u8")[..., 0].astype(np.uint64).tolist()
    return found


def phash(luma: NDArray[np.uint8]) -> int:
    """The hash of a gray image [H, W]."""
    return int(phashes([luma])[0, 0])


def to_text(value: int) -> str:
    """16 hexadecimal digits, as in the manifest."""
    return f"{value:016x}"
