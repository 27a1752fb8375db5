"""What a photo is between reading and writing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gan_color.images.metadata import Metadata

Pixels = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16


@dataclass(frozen=True)
class Photo:
    """pixels [H, W, 3] and alpha [H, W] or None, both uint8 or both uint16; upright sRGB."""

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = ""  # Pillow's name of the file's format; "" for what never was a file
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def size_at(self, shorter: int) -> tuple[int, int]:
        """Width and height with a shorter side of so many pixels; the photo's own where less."""
        ratio = min(1.0, shorter / min(self.size))
        width, height = (max(1, round(side * ratio)) for side in self.size)
        return width, height

    def image(self) -> Image.Image:
        """As a PIL image: RGB, or RGBA where there is alpha; 16 bit rounded to 8."""
        image = Image.fromarray(to_8_bit(self.pixels))
        if self.alpha is not None:
            image.putalpha(Image.fromarray(to_8_bit(self.alpha)))
        return image

    def array(self) -> Pixels:
        """[H, W, 3], or [H, W, 4] where there is alpha, in its own depth."""
        if self.alpha is None:
            return self.pixels
        return np.concatenate([self.pixels, self.alpha[..., None]], axis=2)


def to_8_bit(values: Pixels) -> NDArray[np.uint8]:
    """uint8 as it is; uint16 rounded to the nearest of 256 levels."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    # 65535 = 257 * 255; by rows, so that a large photo is never there as 32 bit.
    return np.stack([((row.astype(np.uint32) + 128) // 257).astype(np.uint8) for row in values])


def side_by_side(photos: Sequence[Photo], labels: Sequence[str] = ()) -> Photo:
    """Photos of one height, left to right, at 8 bit and on white; a label above each if given."""
    columns = []
    for i, photo in enumerate(photos):
        image = photo.image()
        if image.mode == "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
        columns.append(np.asarray(_labeled(image, labels[i]) if labels else image))
    return Photo(np.concatenate(columns, axis=1))


def _labeled(image: Image.Image, label: str) -> Image.Image:
    size = max(12, image.height // 16)
    sheet = Image.new("RGB", (image.width, image.height + 3 * size // 2), "white")
    sheet.paste(image, (0, 3 * size // 2))
    place = (size // 4, size // 8)
    ImageDraw.Draw(sheet).text(place, label, fill="black", font=ImageFont.load_default(size))
    return sheet
