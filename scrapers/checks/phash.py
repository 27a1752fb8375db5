"""pHash: 64 bits of the low frequencies of a picture's luma (http://www.phash.org).

32 x 32 luma, DCT, the 8 x 8 lowest frequencies against their median, the constant one included.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, LOW = 32, 8
_WEIGHTS = (1 << np.arange(63, -1, -1, dtype=np.uint64)).astype(np.uint64)


def phash(luma: NDArray[np.uint8]) -> int:
    """The hash of a grey picture [H, W]."""
    small = cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:LOW, :LOW]
    return int((_WEIGHTS[(low > np.median(low)).ravel()]).sum(dtype=np.uint64))


def to_text(value: int) -> str:
    """16 hexadecimal digits, as the manifest holds it."""
    return f"{value:016x}"
