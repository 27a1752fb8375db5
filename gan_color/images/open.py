"""Open and decode an image file within limits, upright and in sRGB."""

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from gan_color.images.damage import PIXEL_LIMIT, BadImageError, damage_as_bad_image
from gan_color.images.photo import to_8_bit
from gan_color.images.profiles import through, usable
from gan_color.images.tar import read_bytes, require_file, tar_of

# A PNG with a long text is refused by Pillow for what is no part of the picture.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
__all__ = ["PIXEL_LIMIT", "BadImageError", "open_image", "read_rgb", "to_srgb"]


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
    """sRGB of an 8-bit photo without alpha; BadImageError for what cannot be converted. A profile
    that is damaged is dropped with a warning.
    """
    try:
        if image.mode == "LAB":
            return through(image, ImageCms.createProfile("LAB"))
        if profile and usable(profile, image.mode):
            return through(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        return image if image.mode == "RGB" else image.convert("RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise BadImageError(f"pixels of kind {image.mode} ({error})") from None


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
        source = readable(source)
        image = _identify(source)
        if image is None or image.format == "TIFF":
            deep = _open_tiff(source, pixel_limit)
            if deep is not None:
                return deep
        if image is None:
            from gan_color.images.tiff_pixels import describe

            raise BadImageError(
                f"a TIFF of a kind that is not read{describe(source)}: convert it first"
            )
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


def _open_tiff(source: Path | io.BytesIO, pixel_limit: int) -> Image.Image | None:
    """A TIFF that Pillow reads wrong, at 8 bits; None for one that it reads."""
    from gan_color.images.tiff_pixels import read_tiff

    found = read_tiff(source, pixel_limit)
    if found is None:
        return None
    color = to_8_bit(found.color)
    image = Image.fromarray(color[..., 0] if color.shape[2] == 1 else color)
    if found.alpha is not None:
        image.putalpha(Image.fromarray(to_8_bit(found.alpha)))
    image.format = "TIFF"
    image.getexif()[ExifTags.Base.Orientation] = found.orientation
    if found.profile:
        image.info["icc_profile"] = found.profile
    return image


def is_tiff(source: Path | io.BytesIO) -> bool:
    """Whether a file begins as TIFF and BigTIFF do."""
    return head(source, 4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def head(source: Path | io.BytesIO, count: int) -> bytes:
    """The first bytes of a file."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(count)
    return bytes(source.getbuffer()[:count])


def readable(source: Path | io.BytesIO) -> Path | io.BytesIO:
    """A file that can be read to its end, or the bytes of one in a tar; raises OSError."""
    if not isinstance(source, Path):
        return source
    if tar_of(source):
        return io.BytesIO(read_bytes(source))
    require_file(source)
    return source


def _identify(source: Path | io.BytesIO) -> Image.Image | None:
    """Pillow's image, not decoded yet; None for a TIFF that it does not know."""
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        if is_tiff(source):
            return None
        if head(source, 12)[4:8] != b"ftyp":  # ISO 14496-12, as HEIF is
            raise
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            raise BadImageError(
                "a HEIC photo, which needs pillow-heif: pip install 'gan-color[heic]'"
            ) from None
        register_heif_opener()
        return Image.open(source)


def read_rgb(path: Path, enough: int | None = None) -> NDArray[np.uint8]:
    """Upright sRGB pixels [H, W, 3], reduced where `enough` are left (`open_image`).

    Raises BadImageError.
    """
    return np.array(to_srgb(open_image(path, enough=enough)))
