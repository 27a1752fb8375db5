"""Open and decode an image file within limits, upright and in sRGB."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from gan_color.errors import GanColorError
from gan_color.images.tar import read_bytes, require_file, tar_of

# Larger photos are refused before they are decoded: 200 megapixels are 0.6 GB as RGB.
PIXEL_LIMIT = 200_000_000
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT


class BadImageError(GanColorError):
    """A file that is not a readable photo; the message says why."""


# What says by itself what is wrong; other exceptions are named by their type too.
_PLAIN = (OSError, ValueError, SyntaxError, EOFError)


@contextmanager
def damage_as_bad_image() -> Iterator[None]:
    """Around whatever decodes: on damaged files, Pillow's decoders raise almost anything, from
    struct.error and IndexError to AssertionError and ZeroDivisionError.
    """
    try:
        yield
    except GanColorError:
        raise
    except UnidentifiedImageError:
        raise BadImageError("not an image in a known format") from None
    except Image.DecompressionBombError:
        raise BadImageError(f"more than {PIXEL_LIMIT:,} pixels") from None
    except MemoryError:
        raise BadImageError("it does not fit into memory") from None
    except Exception as error:
        said = " ".join(str(error).split())
        if isinstance(error, _PLAIN) and said:
            raise BadImageError(said) from None
        said = f"{type(error).__name__}: {said}".removesuffix(": ")
        raise BadImageError(f"damaged, or of a kind that cannot be decoded ({said})") from None


def to_srgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit sRGB: orientation applied, ICC profile converted, alpha laid on white.

    Raises BadImageError for a color profile or a kind of pixel that cannot be read.
    """
    with damage_as_bad_image():
        return _to_srgb(image)


def _to_srgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        # 16-bit gray: Pillow's own conversion clips instead of scaling.
        values = np.asarray(image, dtype=np.float64)
        return Image.fromarray((values / 257.0).clip(0, 255).round().astype(np.uint8)).convert(
            "RGB"
        )
    color, alpha = split_alpha(image)
    rgb = convert_profile(color, image.info.get("icc_profile"))
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    return rgb


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Color (a mode without alpha or palette) and alpha; transparent pixels keep their color."""
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    if image.mode in ("RGBA", "PA", "RGBa", "La") or "transparency" in image.info:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in ("P", "1"):
        return image.convert("RGB" if image.mode == "P" else "L"), None
    return image, None


def convert_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """sRGB of an 8-bit photo without alpha; BadImageError for what cannot be converted."""
    try:
        if image.mode == "LAB":
            return _through(image, ImageCms.createProfile("LAB"))
        if profile and image.mode in ("RGB", "CMYK", "L"):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            # A profile of another kind of photo says nothing about this one.
            fits = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}.get(space) == image.mode
            if fits and "sRGB" not in ImageCms.getProfileDescription(source):
                return _through(image, source)
        return image if image.mode == "RGB" else image.convert("RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise BadImageError(f"unreadable color profile ({error})") from None
    except ValueError as error:
        raise BadImageError(f"pixels of kind {image.mode} ({error})") from None


def _through(
    image: Image.Image, profile: ImageCms.core.CmsProfile | ImageCms.ImageCmsProfile
) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted


def open_image(
    source: Path | io.BytesIO,
    pixel_limit: int | None = None,
    *,
    decode: bool = True,
    enough: int | None = None,
) -> Image.Image:
    """Open and fully decode a photo; BadImageError says why it cannot be.

    `pixel_limit`, by default PIXEL_LIMIT, is checked on the header, before anything is decoded.
    A JPEG comes at 1/2, 1/4 or 1/8 of its size where that leaves the shorter side `enough` pixels:
    fewer coefficients of its DCT are then transformed.
    """
    pixel_limit = PIXEL_LIMIT if pixel_limit is None else pixel_limit
    with damage_as_bad_image():
        image = _identify(_source(source))
        if image.width * image.height > pixel_limit:
            raise BadImageError(
                f"{image.width} x {image.height} pixels, at most {pixel_limit:,} are accepted"
            )
        if enough is not None:
            ratio = enough / min(image.size)
            image.draft(None, (math.ceil(image.width * ratio), math.ceil(image.height * ratio)))
        if decode:
            image.load()
    return image


def _source(source: Path | io.BytesIO) -> Path | io.BytesIO:
    if not isinstance(source, Path):
        return source
    if tar_of(source):
        return io.BytesIO(read_bytes(source))
    require_file(source)
    return source


def _identify(source: Path | io.BytesIO) -> Image.Image:
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        if not _is_heif(source):
            raise
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            raise BadImageError(
                "a HEIC photo, which needs pillow-heif: pip install 'gan-color[heic]'"
            ) from None
        register_heif_opener()
        return Image.open(source)


def _is_heif(source: Path | io.BytesIO) -> bool:
    """Whether the file begins with the box `ftyp` of ISO 14496-12, as HEIF does."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    source.seek(0)
    head = source.read(12)
    source.seek(0)
    return head[4:8] == b"ftyp"


def read_rgb(path: Path, enough: int | None = None) -> NDArray[np.uint8]:
    """Upright sRGB pixels [H, W, 3], reduced where `enough` are left (`open_image`).

    Raises BadImageError.
    """
    return np.array(to_srgb(open_image(path, enough=enough)))
