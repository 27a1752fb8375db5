"""Read a photo from a file, from bytes, from Pillow or numpy: upright sRGB, 8 or 16 bit."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from gan_color.images import metadata
from gan_color.images.damage import (
    PIXEL_LIMIT,
    BadImageError,
    damage_as_bad_image,
    warnings_name,
)
from gan_color.images.deep import Deep, deep_srgb, is_deep, is_too_deep, of_image
from gan_color.images.open import convert_profile, is_tiff, open_image, readable, split_alpha
from gan_color.images.photo import Photo, Pixels

if TYPE_CHECKING:
    from gan_color.images.tiff_pixels import TiffPhoto

# What turns stored rows into upright ones, by EXIF orientation: (transpose, flip rows, columns).
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def read(
    source: "Path | str | bytes | BinaryIO | Image.Image | NDArray[np.generic]",
    pixel_limit: int | None = None,
) -> Photo:
    """Read one photo; BadImageError says in a sentence why it cannot be.

    A path, a file's bytes, an open file, a PIL image, or pixels [H, W], [H, W, 3] or [H, W, 4] as
    uint8 or uint16 sRGB. `pixel_limit`: see gan_color.images.open.open_image.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    with damage_as_bad_image():
        if isinstance(source, Image.Image):
            deep = of_image(source, None) if is_deep(source) else None
            return _from_image(source, deep, _exif(source))
        if hasattr(source, "read"):  # an open file, or BytesIO
            source = source.read()
            if not isinstance(source, bytes):
                raise BadImageError('a file that was opened as text, expected open(path, "rb")')
        if isinstance(source, bytes):
            return _from_file(io.BytesIO(source), pixel_limit)
        with warnings_name(source):
            return _from_file(Path(source), pixel_limit)


def _from_file(stream: Path | io.BytesIO, pixel_limit: int | None) -> Photo:
    stream = readable(stream)
    if is_tiff(stream):
        from gan_color.images.tiff_pixels import read_tiff

        found = read_tiff(stream, PIXEL_LIMIT if pixel_limit is None else pixel_limit)
        if found is not None:
            return _from_tiff(found, stream)
    image = open_image(stream, pixel_limit, decode=False)
    deep = is_deep(image)
    image.load()  # where a file is cut short, Pillow says so
    data = _bytes(stream) if deep or image.format == "TIFF" else b""
    exif = data if image.format == "TIFF" else _exif(image)
    return _from_image(image, of_image(image, data) if deep else None, exif)


def _bytes(stream: Path | io.BytesIO) -> bytes:
    return stream.getvalue() if isinstance(stream, io.BytesIO) else stream.read_bytes()


def _from_tiff(found: "TiffPhoto", stream: Path | io.BytesIO) -> Photo:
    info = {"icc_profile": found.profile, "xmp": found.xmp, "dpi": found.dpi}
    decoded: Deep | tuple[Pixels, Pixels | None]
    if found.color.dtype == np.uint16:
        decoded = Deep(found.color, found.alpha)
    else:
        color = Image.fromarray(found.color[..., 0] if found.color.shape[2] == 1 else found.color)
        decoded = np.asarray(convert_profile(color, found.profile)), found.alpha
    return _finished(decoded, _bytes(stream), "TIFF", info, {}, found.orientation)


def _exif(image: Image.Image) -> bytes:
    """The EXIF block of an image, as its file has it where it is from one."""
    found = image.info.get("exif")
    if found is None and "Raw profile type exif" in image.info:  # a PNG of before 2017
        found = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
    if found is None and (own := image.getexif()):
        found = own.tobytes()
    return bytes(found or b"")


def _from_image(image: Image.Image, deep: Deep | None, exif: bytes) -> Photo:
    texts = getattr(image, "text", {}) if image.format == "PNG" else {}
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    return _finished(deep or _flat(image), exif, image.format or "", image.info, texts, orientation)


def _flat(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Color in sRGB and alpha of 8 bits."""
    if is_too_deep(image):
        raise BadImageError("32 bits a pixel, expected 8 or 16: convert it first")
    color, alpha = split_alpha(image)
    pixels = np.asarray(convert_profile(color, image.info.get("icc_profile")))
    return pixels, None if alpha is None else np.asarray(alpha)


def _finished(
    decoded: Deep | tuple[Pixels, Pixels | None],
    exif: bytes,
    kind: str,
    info: dict[Any, Any],
    texts: dict[str, Any],
    orientation: int,
) -> Photo:
    if isinstance(decoded, Deep):
        decoded = deep_srgb(decoded.color, info.get("icc_profile")), decoded.alpha
    pixels = _upright(decoded[0], orientation)
    alpha = None if decoded[1] is None else _upright(decoded[1], orientation)
    size = (pixels.shape[1], pixels.shape[0])
    return Photo(pixels, alpha, kind, metadata.of(exif, info, texts, size))


def _upright(values: Pixels, orientation: int) -> Pixels:
    transpose, rows, columns = _UPRIGHT.get(orientation, (False, False, False))
    if transpose:
        values = values.swapaxes(0, 1)
    turned: Pixels = np.ascontiguousarray(values[:: -1 if rows else 1, :: -1 if columns else 1])
    return turned


def _from_array(values: NDArray[np.generic]) -> Photo:
    shape, channels = values.shape, values.shape[2] if values.ndim == 3 else 1
    if values.dtype not in (np.uint8, np.uint16) or values.ndim not in (2, 3) or 0 in shape:
        raise BadImageError(
            f"an array {shape} of {values.dtype}, expected [H, W], [H, W, 3] or [H, W, 4] of "
            "uint8 or uint16"
        )
    if channels not in (1, 3, 4):
        raise BadImageError(f"an array {shape}, expected 1, 3 or 4 channels")
    color = values.reshape(*shape[:2], channels)
    alpha = color[..., 3] if channels == 4 else None
    pixels = np.repeat(color, 3, axis=2) if channels == 1 else color[..., :3]
    return Photo(np.ascontiguousarray(pixels), alpha)  # type: ignore[arg-type]
