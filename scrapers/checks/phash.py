"""pHash: 64 bits of the low frequencies of a picture's luma (http://www.phash.org).

32 x 32 luma, DCT, the 8 x 8 lowest frequencies against their median, the constant one included.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, LOW = 32, 8
_WEIGHTS = (1 << np.arange(63, -1, -1, dtype=np.uint64)).astype(np.uint64)

_MIRRORED = np.tile(np.array([1, -1], np.float32), LOW // 2)


def phash(luma: NDArray[np.uint8]) -> int:
    """The hash of a grey picture [H, W]."""
    return phashes(luma)[0]


def phashes(luma: NDArray[np.uint8]) -> tuple[int, int]:
    """The hashes of a grey picture [H, W] and of its mirror image, from one transform.

    Mirroring turns the sign of every frequency that is odd across.
    """
    small = cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small)[:LOW, :LOW], np.float32)
    return _bits(low), _bits(low * _MIRRORED)


def _bits(low: NDArray[np.float32]) -> int:
    middle = np.partition(low.ravel(), (31, 32))[31:33].mean()
    return int(_WEIGHTS[(low > middle).ravel()].sum(dtype=np.uint64))


def to_text(value: int) -> str:
    """16 hexadecimal digits, as the manifest holds it."""
    return f"{value:016x}"
