"""Open and decode an image file within limits, upright and in sRGB."""

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from gan_color.images import png_color
from gan_color.images.damage import PIXEL_LIMIT, BadImageError, damage_as_bad_image
from gan_color.images.deep import Deep, is_too_deep, of_image
from gan_color.images.formats import FORMATS
from gan_color.images.photo import to_8_bit
from gan_color.images.profiles import through, usable
from gan_color.images.tar import read_bytes, require_file, tar_of

# A PNG with a long text is refused by Pillow for what is no part of the picture.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
REDUCED_PAGE = 1  # TIFF 6.0, bit of NewSubfileType: a smaller copy of another page
# MPO comes as JPEG; HEIF needs a package, which is loaded for such files only.
_OPENED = tuple(name for name in FORMATS if name not in ("MPO", "HEIF"))
__all__ = ["PIXEL_LIMIT", "BadImageError", "open_image", "read_rgb", "to_srgb"]


def to_srgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit sRGB: orientation applied, ICC profile converted, alpha laid on white.

    Raises BadImageError for a color profile or a kind of pixel that cannot be read.
    """
    with damage_as_bad_image():
        return _to_srgb(image)


def _to_srgb(image: Image.Image) -> Image.Image:
    if is_too_deep(image):
        raise BadImageError("32 bits a pixel, expected 8 or 16: convert it first")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = _as_8_bit(of_image(image, None), image.info.get("icc_profile"))
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
    with damage_as_bad_image(pixel_limit):
        source = readable(source)
        image = identify(source)
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
        _refuse_animation(image)
        if image.format == "PNG":
            png_color.declare(image, source)
        if enough is not None:
            ratio = enough / min(image.size)
            image.draft(None, (math.ceil(image.width * ratio), math.ceil(image.height * ratio)))
        if decode:
            image.load()
    return image


def _refuse_animation(image: Image.Image) -> None:
    """Leaves a TIFF at the page that is no smaller copy of another."""
    frames = getattr(image, "n_frames", 1)
    if frames == 1 or image.format in ("MPO", "HEIF"):
        return  # the photo itself comes first
    if image.format == "TIFF":
        whole = []
        for page in range(frames):
            image.seek(page)
            kind = image.tag_v2.get(ExifTags.Base.NewSubfileType, 0)  # type: ignore[attr-defined]
            whole += [] if kind & REDUCED_PAGE else [page]
        if len(whole) > 1:
            raise BadImageError(f"{len(whole)} pages, expected one: split the file first")
        image.seek(whole[0] if whole else 0)
        return
    raise BadImageError(
        f"an animation of {frames} frames, expected one photo: extract its frames, or make it "
        "a video for `gan-color video`"
    )


def _open_tiff(source: Path | io.BytesIO, pixel_limit: int) -> Image.Image | None:
    """A TIFF that Pillow reads wrong, at 8 bits; None for one that it reads."""
    from gan_color.images.tiff_pixels import read_tiff

    found = read_tiff(source, pixel_limit)
    if found is None:
        return None
    image = _as_8_bit(Deep(found.color, found.alpha), found.profile)
    image.format = "TIFF"
    image.getexif()[ExifTags.Base.Orientation] = found.orientation
    return image


def _as_8_bit(deep: Deep, profile: bytes | None) -> Image.Image:
    color = to_8_bit(deep.color)
    image = Image.fromarray(color[..., 0] if color.shape[2] == 1 else color)
    if deep.alpha is not None:
        image.putalpha(Image.fromarray(to_8_bit(deep.alpha)))
    if profile:
        image.info["icc_profile"] = profile
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


def identify(source: Path | io.BytesIO) -> Image.Image | None:
    """A file of one of FORMATS, opened by its content and not decoded; None for a TIFF that Pillow
    does not know. Raises BadImageError, and whatever Pillow raises on a damaged header.
    """
    try:
        return Image.open(source, formats=_OPENED)
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
        return Image.open(source, formats=("HEIF",))


def read_rgb(path: Path, enough: int | None = None) -> NDArray[np.uint8]:
    """Upright sRGB pixels [H, W, 3], reduced where `enough` are left (`open_image`).

    Raises BadImageError.
    """
    return np.array(to_srgb(open_image(path, enough=enough)))
