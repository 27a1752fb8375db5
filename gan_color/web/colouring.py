"""Bytes in, bytes out: the one place where the server meets the pipeline."""

import io
from dataclasses import dataclass

from PIL import Image

from gan_color.data.images import BadImageError, open_image, to_srgb
from gan_color.models.base import Colorizer
from gan_color.pipeline import SAVE_OPTIONS, colorize_image

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
# What a stranger may have decoded here: no format that calls other programs, or nests files.
READ = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")


@dataclass(frozen=True)
class Coloured:
    """Both pictures, encoded in the same format."""

    width: int
    height: int
    before: bytes
    after: bytes


def read_photo(data: bytes, pixels: int) -> Image.Image:
    """Decode a photo; BadImageError for what is none, or has more than `pixels` by its header."""
    try:
        with Image.open(io.BytesIO(data), formats=READ) as header:
            width, height = header.size
    except Exception:
        raise BadImageError(
            f"file: found {len(data):,} bytes that are no picture in a known format, "
            f"expected one of {', '.join(READ)}"
        ) from None
    if width * height > pixels:
        raise BadImageError(
            f"file: found {width} x {height} pixels, expected at most {pixels / 1e6:g} megapixels"
        )
    try:
        image = open_image(io.BytesIO(data))
        to_srgb(image)
    except Exception as error:
        raise BadImageError(
            f"file: found a damaged picture ({error}), expected a whole one"
        ) from None
    return image


def encode(image: Image.Image, kind: str) -> bytes:
    """The file of a picture; transparency is lost where the format has none."""
    buffer = io.BytesIO()
    name = kind.upper()
    if name == "JPEG" and image.mode != "RGB":
        image = image.convert("RGB")
    image.save(buffer, name, **SAVE_OPTIONS[name])
    return buffer.getvalue()


def colour(model: Colorizer, photo: Image.Image, render: int, kind: str, both: bool) -> Coloured:
    """Colour a photo that `read_photo` gave, as `kind`; `before` is empty unless `both`."""
    after = colorize_image(model, photo, render)
    before = encode(to_srgb(photo), kind) if both else b""
    return Coloured(after.width, after.height, before, encode(after, kind))
