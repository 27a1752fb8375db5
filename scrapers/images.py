"""Is a file a whole picture? Its content decides, never its name alone."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from scrapers.errors import BadPictureError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"})
# Pillow's name of a format: the suffix it is stored under.
FORMATS = {
    "JPEG": ".jpg",
    "MPO": ".jpg",  # a JPEG with a second view behind it
    "PNG": ".png",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "GIF": ".gif",
    "PPM": ".ppm",
}
PIXEL_LIMIT = 150_000_000
# Imported so that they are registered; Pillow's own five are always.
_PLUGINS = (TiffImagePlugin, WebPImagePlugin)
OPENED = tuple(name for name in FORMATS if name != "MPO")


def identify(path: Path, pixel_limit: int = PIXEL_LIMIT, named: bool | None = None) -> Image.Image:
    """Open a picture without decoding it. BadPictureError for what can never be used.

    `named` says whether the file claims to be a picture; by default its suffix does.
    Pictures of several frames (animations, pages) are refused: which one was meant is not known.
    """
    named_as_picture = path.suffix.lower() in SUFFIXES if named is None else named
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path, formats=OPENED)
            frames = getattr(image, "n_frames", 1)
    except UnidentifiedImageError:
        name = "corrupt" if named_as_picture else "unsupported"
        raise BadPictureError(name, _what(path)) from None
    except Image.DecompressionBombError as error:  # Pillow's own limit, 179 million by default
        raise BadPictureError("unsupported", _say(error)) from None
    except Exception as error:  # Pillow's readers raise nearly anything on broken files
        raise BadPictureError("corrupt", _say(error)) from None
    pixels = image.width * image.height
    if pixels > pixel_limit:
        raise BadPictureError(
            "unsupported", f"{image.width} x {image.height} pixels, at most {pixel_limit:,}", pixels
        )
    if not pixels:
        raise BadPictureError("corrupt", f"{image.width} x {image.height} pixels")
    if frames > 1 and image.format != "MPO":
        raise BadPictureError("unsupported", f"{frames} frames", frames)
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
        return "HEIC, AVIF or video"
    return "no known picture format"


def _say(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def decode(image: Image.Image, at_least: int | None = None) -> Image.Image:
    """Decode a picture whole, JPEGs at a fraction of their size that is not below `at_least`.

    Every byte is read in any case. Raises BadPictureError for a broken or truncated file.
    """
    try:
        if at_least and image.format in ("JPEG", "MPO"):
            short = min(image.size)
            scale = at_least / short
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
        image.load()
    except Exception as error:  # as above
        raise BadPictureError("corrupt", _say(error)) from None
    return image


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """8-bit RGB [H, W, 3] for looking at colours: alpha on white, 16 bits scaled, no ICC."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        top = values.max(initial=0.0)
        scale = 255.0 if top <= 1 and image.mode == "F" else 1 / 257.0 if top > 255 else 1.0
        image = Image.fromarray((values * scale).clip(0, 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
