"""Files of many formats, for the tests of reading and writing them."""

import io

import cv2
import numpy as np
import tifffile
from PIL import Image

DEEP = (np.linspace(0, 65535, 48 * 64 * 3).reshape(48, 64, 3)).astype(np.uint16)
GRAY = np.ascontiguousarray(DEEP[..., 1])
HALF = np.full((48, 64), 30_000, np.uint16)


def file_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def png_16(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), (40 * i, 0, 0)) for i in range(3)]
    return file_bytes(frames[0], kind, save_all=True, append_images=frames[1:])
