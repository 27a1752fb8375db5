"""Pixels of 16 bits a channel: Pillow would decode 8, and its color management knows no others."""

import re
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ExifTags, Image

from gan_color.images.damage import BadImageError
from gan_color.images.photo import Pixels
from gan_color.images.profiles import usable

_DEEP = re.compile(r"\bI;16|;16[BLN]")  # RGB;16 and BGR;16 are 5, 6 and 5 bits
WHITE_IS_ZERO = 0  # TIFF 6.0, tag PhotometricInterpretation


@dataclass(frozen=True)
class Deep:
    """color [H, W, 1 or 3] and alpha [H, W] or None as uint16, as stored (not turned upright)."""

    color: Pixels
    alpha: Pixels | None = None


def is_deep(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel; before `load`, which makes them 8."""
    if image.format == "PPM" and image.mode == "I":  # as Pillow says, whatever its largest value
        return True
    modes = [image.mode, *(str(tile[3]) for tile in getattr(image, "tile", []))]
    return any(_DEEP.search(mode) for mode in modes)


def is_too_deep(image: Image.Image) -> bool:
    """Whether an image has 32 bits a channel, which are not read."""
    return image.mode == "F" or (image.mode == "I" and not is_deep(image))


def of_image(image: Image.Image, data: bytes | None) -> Deep:
    """The 16 bits of a loaded image whose `is_deep` was true; `data` is its file, if it has one.

    Raises BadImageError for formats whose 16 bits are not read.
    """
    if image.mode.startswith("I"):
        color = np.asarray(image).astype(np.uint16)[..., None]
        tags = getattr(image, "tag_v2", {})
        if tags.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO:
            color = 65535 - color
        return Deep(color, _keyed(color, image.info.get("transparency")))
    if image.format != "PNG" or data is None:
        raise BadImageError(f"{image.format} of 16 bits in an encoding that cannot be read")
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise BadImageError("PNG of 16 bits in an encoding that cannot be read")
    color = np.ascontiguousarray(values[..., 2::-1]).astype(np.uint16)
    # OpenCV has made alpha of a transparent color.
    return Deep(color, values[..., 3].astype(np.uint16) if values.shape[2] == 4 else None)


def _keyed(color: Pixels, transparent: object) -> Pixels | None:
    """Alpha of a PNG with a transparent gray: 0 where a pixel is exactly that."""
    if not isinstance(transparent, int):
        return None
    return np.where(color[..., 0] == transparent, 0, 65535).astype(np.uint16)


def deep_srgb(values: Pixels, profile: bytes | None) -> Pixels:
    """[H, W, 3] sRGB of 16-bit gray or RGB [H, W, 1 or 3] in a color profile."""
    kind = {1: "GRAY", 3: "RGB"}[values.shape[2]]
    if profile and usable(profile, {"GRAY": "L", "RGB": "RGB"}[kind]):
        import imagecodecs

        values = imagecodecs.cms_transform(
            values if kind == "RGB" else values[..., 0],
            profile,
            imagecodecs.cms_profile("srgb"),
            colorspace=kind.lower(),
            outcolorspace="rgb",
            flags=imagecodecs.CMS.FLAGS.NOOPTIMIZE,  # else dark tones are off by hundreds
        )
    if values.shape[2:] != (3,):
        values = np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)
    return values
