"""Files of many formats, for the tests of reading and writing them."""

import io
import os
import struct
from pathlib import Path

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


def bad_dds() -> bytes:
    """A DDS of a pixel format that nobody knows, on which Pillow raises NotImplementedError."""
    pixel_format = struct.pack("<II4s5I", 32, 4, b"ZZZZ", *[0] * 5)
    header = struct.pack("<7I44x", 124, 0x1007, 32, 32, 0, 0, 1)
    return b"DDS " + header + pixel_format + bytes(20)


def spoil(folder: Path) -> list[str]:
    """Puts what is no readable photo under the names of photos; returns the names."""
    png = file_bytes(Image.new("RGB", (40, 40), (200, 30, 30)), "PNG")
    (folder / "dead.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "dds.jpg").write_bytes(bad_dds())
    (folder / "psd.jpg").write_bytes(b"8BPS\0\1" + bytes(20))
    (folder / "icns.png").write_bytes(b"icns\0\0\0\x10ic07\0\0\0\x08")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(png[:60])
    os.mkfifo(folder / "pipe.png")
    return ["cut.png", "dds.jpg", "dead.jpg", "empty.png", "icns.png", "pipe.png", "psd.jpg"]
