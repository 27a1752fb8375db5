"""Bytes in, bytes out: the one place where the server meets the pipeline."""

import io
from dataclasses import dataclass, replace

from PIL import Image, UnidentifiedImageError

from gan_color.images.decode import read
from gan_color.images.encode import encode
from gan_color.images.open import BadImageError
from gan_color.images.photo import Picture
from gan_color.inference.pipeline import ChromaModel, ColorizeOptions, colorize_and_name
from gan_color.web.limits import Limits

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
# What a stranger may have decoded here: no format that starts other programs or is seldom tested.
READ = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
WANTED = ", expected one whole picture within the limits"
SMALLEST = 32  # a model pads each side to at least this


@dataclass(frozen=True)
class Coloured:
    """Both pictures, encoded in the same format; `before` is empty unless it was asked for."""

    width: int
    height: int
    before: bytes
    after: bytes
    scenes: dict[str, float]  # see Colorizer.scenes


def read_photo(data: bytes, limits: Limits) -> Picture:
    """Decode a photo; BadImageError for what is none, is damaged, or has too many pixels."""
    try:
        if data[4:8] != b"ftyp":  # HEIC and AVIF, which `read` knows by the same sign
            Image.open(io.BytesIO(data), formats=READ).close()
        return read(data, limits.pixels)
    except UnidentifiedImageError:
        raise BadImageError(
            f"file: found {len(data):,} bytes that are no picture in a known format, expected "
            f"one of {', '.join(READ)}, HEIC or AVIF"
        ) from None
    except Image.DecompressionBombError:
        raise BadImageError(
            f"file: found hundreds of megapixels, expected at most {limits.pixels:,} pixels"
        ) from None
    except Exception as error:  # whatever a decoder stumbles over, the file is to blame
        reason = str(error) or type(error).__name__
        wanted = "" if isinstance(error, BadImageError) and "expected" in reason else WANTED
        raise BadImageError(f"file: found {reason}{wanted}") from None


def check_work(picture: Picture, render: int, limits: Limits) -> None:
    """Refuse what would cost a model too much: a long strip is worked on at its full length."""
    ratio = min(1.0, render / min(picture.size))
    width, height = (max(SMALLEST, round(side * ratio)) for side in picture.size)
    most = 2 * limits.render**2
    if width * height > most:
        raise BadImageError(
            f"file: found {picture.size[0]} x {picture.size[1]} pixels, on which the model would "
            f"work at {width} x {height}, expected at most {most:,} of those; choose a smaller "
            "render, or a less narrow part of the photo"
        )


def colour(
    model: ChromaModel, note: str, picture: Picture, options: ColorizeOptions, kind: str, both: bool
) -> Coloured:
    """Colour a picture and encode it as `kind`, `note` in its EXIF.

    Raises GanColorError for what cannot be encoded.
    """
    after, scenes = colorize_and_name(model, picture, options)
    # Browsers are given what they show: the photo's own pixels without its metadata.
    shown = replace(picture, metadata=type(picture.metadata)())
    return Coloured(
        *picture.size,
        before=encode(shown, kind.upper()) if both else b"",
        after=encode(after, kind.upper(), note=note),
        scenes=scenes,
    )
