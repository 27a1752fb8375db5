"""The one place that opens, decodes and encodes images; content decides, not the name."""

import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    Image,
    ImageOps,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from scrapers.errors import BadImageError
from scrapers.formats import FORMATS, SUFFIXES, UNREAD
from scrapers.png_color import declare

try:  # an extra: pip install 'gan-color[heic]'
    from pillow_heif import register_heif_opener
except ImportError:
    HEIC = False
else:
    HEIC = True
    register_heif_opener()

PIXEL_LIMIT = 150_000_000
# Imported so that Pillow registers them; its five defaults always are.
_PLUGINS = (AvifImagePlugin, TiffImagePlugin, WebPImagePlugin)
OPENED = tuple(name for name in FORMATS if name != "MPO" and (HEIC or name != "HEIF"))
ORIENTATION = 0x0112  # EXIF tag


def is_image_file(path: Path) -> bool:
    """Whether a file says that it is a picture: by its suffix, or without one by its content."""
    if path.suffix:
        return path.suffix.lower() in SUFFIXES | UNREAD
    try:
        identify(path)
    except BadImageError:
        return False
    return True


def require_file(path: Path) -> None:
    """BadImageError for a pipe, a device, or a link to nothing: reading may never end."""
    if not path.is_file():
        raise BadImageError("corrupt", "no file, but a dead link, a pipe or a device")


def identify(path: Path, pixel_limit: int = PIXEL_LIMIT, named: bool | None = None) -> Image.Image:
    """Open an image without decoding it; BadImageError if it is unusable.

    `named` says whether the file claims to be an image (default: by its suffix), which decides
    between `corrupt` and `unsupported`. Files of several frames (animations, pages) are rejected.
    What a PNG says of its colors without a profile is given as one.
    """
    require_file(path)
    named_as_image = path.suffix.lower() in SUFFIXES if named is None else named
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path, formats=OPENED)
            frames = getattr(image, "n_frames", 1)
    except UnidentifiedImageError:
        name = "corrupt" if named_as_image else "unsupported"
        raise BadImageError(name, _what(path)) from None
    except Image.DecompressionBombError as error:  # Pillow's own limit, 179 million by default
        raise BadImageError("unsupported", _say(error)) from None
    except Exception as error:  # Pillow's decoders raise almost anything on broken files
        raise BadImageError("corrupt", _say(error)) from None
    if path.suffix.lower() in UNREAD:  # the trainer goes by the name
        raise BadImageError("unsupported", f"{image.format} named {path.suffix}, which is not read")
    pixels = image.width * image.height
    if pixels > pixel_limit:
        raise BadImageError(
            "unsupported", f"{image.width} x {image.height} pixels, at most {pixel_limit:,}", pixels
        )
    if not pixels:
        raise BadImageError("corrupt", f"{image.width} x {image.height} pixels")
    if frames > 1 and image.format not in ("MPO", "HEIF"):  # the photo itself comes first
        raise BadImageError("unsupported", f"{frames} frames", frames)
    if image.format == "PNG":
        declare(image, path)
    return image


def _what(path: Path) -> str:
    head = path.open("rb").read(512).lstrip()
    lower = head.lower()
    if not head:
        return "an empty file" if not path.stat().st_size else "blank"
    if lower.startswith((b"<!doctype html", b"<html")) or b"<html" in lower:
        return "a web page"
    if b"<svg" in lower:
        return "SVG"
    if head.startswith(b"%PDF"):
        return "PDF"
    if head.startswith((b"{", b"[")):
        return "JSON or text"
    if b"ftyp" in head[4:12]:
        return "HEIC (pip install 'gan-color[heic]'), AVIF or video"
    return "unknown format"


def _say(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def decode(image: Image.Image, at_least: int | None = None) -> Image.Image:
    """Decode fully; JPEGs may decode at a reduced size whose short side is >= `at_least`.

    The whole file is read either way. Raises BadImageError if it is broken or truncated.
    """
    try:
        if at_least and image.format in ("JPEG", "MPO"):
            short = min(image.size)
            scale = at_least / short
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
        image.load()
    except Exception as error:  # as above
        raise BadImageError("corrupt", _say(error)) from None
    return image


def read_rgb(
    path: Path, at_least: int | None = None, pixel_limit: int = PIXEL_LIMIT
) -> NDArray[np.uint8]:
    """Open, decode, turn upright and convert: 8-bit RGB [H, W, 3]. Raises BadImageError."""
    return to_rgb(upright(decode(identify(path, pixel_limit), at_least)))


def is_turned(image: Image.Image) -> bool:
    """Whether EXIF says that an image is stored turned or mirrored."""
    return image.getexif().get(ORIENTATION, 1) in range(2, 9)


def upright(image: Image.Image) -> Image.Image:
    """A decoded image as its EXIF orientation says that it is meant; BadImageError if it cannot."""
    if not is_turned(image):
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # a broken EXIF block
        raise BadImageError("corrupt", _say(error)) from None


def save(image: Image.Image, target: Path | IO[bytes], kind: str, **options: Any) -> None:
    """Encode as Pillow's format `kind`; lossy ones at quality 95 (MPO becomes JPEG).

    `options` are Pillow's; `subsampling` goes to JPEG only, empty ones nowhere.
    """
    kind = kind.replace("MPO", "JPEG")
    given = {name: value for name, value in options.items() if value is not None}
    if kind != "JPEG":
        given.pop("subsampling", None)
    quality = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF", "HEIF") else {}
    image.save(target, format=kind, **quality, **given)


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """8-bit RGB [H, W, 3] for color statistics: alpha over white, 16 bits scaled, no ICC."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        top = values.max(initial=0.0)
        scale = 255.0 if top <= 1 and image.mode == "F" else 1 / 257.0 if top > 255 else 1.0
        image = Image.fromarray((values * scale).clip(0, 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
