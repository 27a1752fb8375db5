"""The photographs that the local server of image_server.py has, as hosts describe them."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np


@dataclass
class Photo:
    """One image of the server, as every API describes it."""

    number: int
    body: bytes
    width: int
    height: int
    title: str = ""
    author: str = "A. Author"
    license: str = "by"
    version: str = "4.0"
    tags: tuple[str, ...] = ()
    category: str = ""
    uploaded: int = 1_600_000_000  # unix seconds
    flags: dict[str, Any] = field(default_factory=dict)  # such as noAiTraining

    @property
    def path(self) -> str:
        return f"/img/{self.number}.jpg"


def synthetic(seed: int, width: int = 320, height: int = 280, quality: int = 90) -> bytes:
    """A JPEG of colored clouds, things and grain that passes every check; unique per seed."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((3, 90.0), (7, 60.0), (17, 35.0), (43, 24.0), (101, 16.0)):
        noise = random.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    things = max(4, width * height // 8000), 4
    for x, y, size, tilt in random.integers(0, (width, height, 30, 180), things).tolist():
        tint = random.normal(0, 90, 3).tolist()
        cv2.ellipse(image, (x, y), (10 + size, 5 + size // 2), tilt, 0, 360, tint, -1)
    image += 128 + random.normal(0, 6, image.shape).astype(np.float32)
    pixels = image.clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def photos(count: int, **common: Any) -> list[Photo]:
    """`count` synthetic images."""
    return [Photo(i, synthetic(i), 320, 280, title=f"Clouds {i}", **common) for i in range(count)]


def demo_photos() -> list[Photo]:
    """A small collection with every kind of defect, for the notebook.

    Crops of scikit-image's photographs, and defects made from them.
    """
    from skimage import data

    # The lower half of the rocket: its sky has one hue and looks toned.
    images = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()[127:]]
    crops = [
        image[y : y + 200, x : x + 260]
        for image in images
        for y, x in ((0, 0), (0, 190), (100, 95))
    ]
    gray = crops[1].mean(axis=2, keepdims=True) / 255
    chart = np.full((200, 260, 3), 255, np.uint8)
    for i in range(5):
        cv2.rectangle(chart, (15 + 50 * i, 190), (45 + 50 * i, 150 - 25 * i), (40 * i, 90, 200), -1)
    defects = [
        np.repeat(255 * gray, 3, axis=2),
        255 * gray ** np.array([0.85, 1.0, 1.25]),
        chart,
        crops[0][:, ::-1],
        crops[5][8:-8, 8:-8],
    ]
    found = []
    for i, rgb in enumerate([*crops, *defects]):
        pixels = np.ascontiguousarray(np.asarray(rgb).astype(np.uint8)[..., ::-1])
        body = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        photo = Photo(i, body, pixels.shape[1], pixels.shape[0], title=f"Photo {i}")
        if i in (3, 7):
            photo.license = "by-nc"
        found.append(photo)
    return found
