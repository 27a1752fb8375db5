"""Bytes in, bytes out: where the server calls the pipeline."""

from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_color.errors import GanColorError
from gan_color.images.damage import BadImageError, UnknownFormatError
from gan_color.images.decode import read
from gan_color.images.encode import encode
from gan_color.images.formats import FORMATS
from gan_color.images.photo import Photo
from gan_color.inference.chroma_model import ChromaModel
from gan_color.inference.palette import Palette, reference_palette
from gan_color.inference.pipeline import ColorizeOptions, colorize_and_classify
from gan_color.web.limits import Limits

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
EXPECTED = ", expected one complete image within the limits"
MIN_SIDE = 32  # a model pads each side to at least this


@dataclass(frozen=True)
class ColorizedImages:
    """Both images, encoded in the same format; `before` is empty unless it was asked for."""

    width: int
    height: int
    before: bytes
    after: bytes
    scenes: dict[str, float]  # see Colorizer.scenes


def read_photo(data: bytes, limits: Limits, field: str = "file") -> Photo:
    """Decode a field's photo; BadImageError if it is no image, damaged, or of too many pixels."""
    try:
        return read(data, limits.pixels)
    except UnknownFormatError:
        raise BadImageError(
            f"{field}: found {len(data):,} bytes that are not an image, expected one of "
            f"{', '.join(FORMATS)}"
        ) from None
    except Exception as error:  # decoders raise anything on damaged data; the file is the cause
        reason = str(error) or type(error).__name__
        expected = "" if isinstance(error, BadImageError) and "expected" in reason else EXPECTED
        raise BadImageError(f"{field}: found {reason}{expected}") from None


def pixels_of(data: bytes, limits: Limits) -> int:
    """How many a photo has by its header, at most `limits.pixels`; 0 where that cannot be read."""
    try:
        with Image.open(BytesIO(data)) as image:
            return min(image.width * image.height, limits.pixels)
    except Exception:  # whatever a decoder raises: `read_photo` will say what is wrong
        return 0


def read_palette(data: bytes | None, limits: Limits) -> Palette | None:
    """The palette of a reference photo; GanColorError if there is none to have, or no photo."""
    if data is None:
        return None
    return reference_palette(read_photo(data, limits, "reference"))


def read_mask(data: bytes | None, photo: Photo, limits: Limits) -> NDArray[np.uint8] | None:
    """What stays of the photo as it is: [H, W] of its size, 0 to 255; GanColorError for a picture
    of another shape.
    """
    if data is None:
        return None
    image = read_photo(data, limits, "keep").image().convert("L")
    width, height = photo.size
    stretched = (image.width * height / width, image.height * width / height)
    if min(abs(stretched[0] - image.height), abs(stretched[1] - image.width)) > 1:
        raise GanColorError(
            f"keep: found {image.width} x {image.height} pixels, expected the shape of the photo's "
            f"{width} x {height}"
        )
    return np.asarray(image.resize(photo.size, Image.Resampling.BILINEAR))


def keep_parts(after: Photo, photo: Photo, mask: NDArray[np.uint8]) -> Photo:
    """`after` with the photo's own pixels where `mask` is 255, and between the two below that."""
    pixels = after.pixels.copy()
    for row in np.flatnonzero(mask.any(axis=1)):  # row by row: a large photo is never there twice
        share = mask[row, :, None].astype(np.float32) / 255
        pixels[row] = np.rint(photo.pixels[row] * share + pixels[row] * (1 - share))
    return replace(after, pixels=pixels)


def check_work(photo: Photo, render: int, limits: Limits) -> None:
    """Refuse what is too large for a model: a long strip keeps its full length at any `render`."""
    ratio = min(1.0, render / min(photo.size))
    width, height = (max(MIN_SIDE, round(side * ratio)) for side in photo.size)
    largest = 2 * limits.render**2
    if width * height > largest:
        raise BadImageError(
            f"file: found {photo.size[0]} x {photo.size[1]} pixels, which the model would see at "
            f"{width} x {height}, expected at most {largest:,} pixels there; choose a smaller "
            "render or crop the photo"
        )


def colorize_photo(
    model: ChromaModel,
    note: str,
    photo: Photo,
    options: ColorizeOptions,
    kind: str,
    both: bool,
    mask: NDArray[np.uint8] | None = None,
) -> ColorizedImages:
    """Colorize a photo and encode it.

    Args:
        model: predicts the chroma.
        note: provenance, written to EXIF's Software.
        photo: what `read_photo` returned.
        options: render size, saturation, strength.
        kind: a key of MEDIA_TYPES.
        both: encode the photo itself too.
        mask: what stays of the photo as it is, as `read_mask` returned it.

    Raises GanColorError if the format cannot hold the image.
    """
    after, scenes = colorize_and_classify(model, photo, options)
    if mask is not None:
        after = keep_parts(after, photo, mask)
    # `before` is for display only: pixels without the photo's metadata.
    shown = replace(photo, metadata=type(photo.metadata)())
    return ColorizedImages(
        *photo.size,
        before=encode(shown, kind.upper()) if both else b"",
        after=encode(after, kind.upper(), note=note),
        scenes=scenes,
    )
