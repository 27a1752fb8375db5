"""Write a photo: 16 bits where the format has them, an sRGB profile, the photo's metadata."""

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, features

from gan_color import atomic
from gan_color.errors import GanColorError
from gan_color.images.damage import warnings_name
from gan_color.images.metadata import JPEG_SEGMENT, Metadata
from gan_color.images.photo import Photo
from gan_color.images.tiff import write_tiff

SUFFIX_KINDS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
KINDS = tuple(dict.fromkeys(SUFFIX_KINDS.values()))
# 4:4:4 keeps the full resolution of the one thing that was added. Lossy WebP has 4:2:0 only, so
# it is lossless unless a quality was asked for.
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "TIFF": {},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "HEIF": {"quality": 90, "chroma": 444},
}
XMP_MARK = len("http://ns.adobe.com/xap/1.0/\0")
METER = 39.3701  # inches
PNG_SIGNATURE_AND_HEADER = 8 + 25


@cache
def srgb_profile() -> bytes:
    """The ICC profile that every photo is written with."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The time it was made at (ICC.1:2022, table 17), fixed: the same photo gives the same file.
    struct.pack_into(">6H", made, 24, 2000, 1, 1, 0, 0, 0)
    return bytes(made)


def encode(photo: Photo, kind: str = "JPEG", quality: int | None = None, note: str = "") -> bytes:
    """A file's bytes. `quality` is 1 to 100 (None: the format's default, which keeps color edges
    clean); `note` is added to EXIF's Software. Alpha is laid on white for JPEG.

    Raises GanColorError for a format, a quality or a size that cannot be written; warns of
    metadata that the format cannot hold.
    """
    if kind not in OPTIONS:
        raise GanColorError(f"format: found {kind!r}, expected one of {', '.join(KINDS)}")
    if quality is not None and not 1 <= quality <= 100:
        raise GanColorError(f"quality: found {quality}, expected 1 to 100")
    exif = photo.metadata.noted(note, JPEG_SEGMENT if kind == "JPEG" else None)
    try:
        if kind == "TIFF":
            return write_tiff(photo, photo.metadata.block(note), srgb_profile())
        if kind == "PNG" and photo.pixels.dtype == np.uint16:
            return _png_16(photo, exif)
        return _encode_8(photo, kind, quality, exif)
    except (OSError, ValueError, struct.error, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        raise GanColorError(
            f"output: {photo.size[0]} x {photo.size[1]} as {kind} cannot be written: {reason}"
        ) from None


def save(photo: Photo, path: Path, quality: int | None = None, note: str = "") -> None:
    """Write a photo whole or not at all; its format follows the suffix. Raises GanColorError."""
    with warnings_name(path):
        data = encode(photo, kind_of(path), quality, note)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, data)


def kind_of(path: Path) -> str:
    """The format of a file to be written, by its suffix; GanColorError for an unknown one."""
    kind = SUFFIX_KINDS.get(path.suffix.lower())
    if kind is None:
        raise GanColorError(
            f"output: found the suffix {path.suffix!r}, expected one of {', '.join(SUFFIX_KINDS)}"
        )
    return kind


def kind_named(name: str) -> str:
    """One of KINDS by its name or a suffix, in any case: heif, HEIC, jpg; else GanColorError."""
    kind = SUFFIX_KINDS.get(f".{name.lower().removeprefix('.')}")
    if kind is None:
        names = ", ".join(suffix.removeprefix(".") for suffix in SUFFIX_KINDS)
        raise GanColorError(f"format: found {name!r}, expected one of {names}")
    return kind


def _encode_8(photo: Photo, kind: str, quality: int | None, exif: bytes) -> bytes:
    options = {**OPTIONS[kind], "icc_profile": srgb_profile()}
    metadata = photo.metadata
    if quality is not None and kind != "PNG":
        options |= (
            {"quality": quality, "lossless": False} if kind == "WEBP" else {"quality": quality}
        )
    if kind == "HEIF":
        _need_heif()
    if kind == "AVIF" and not features.check("avif"):
        raise GanColorError("output: AVIF is not in this build of Pillow, expected another format")
    if exif:
        options["exif"] = exif
    xmp = metadata.xmp
    if kind == "JPEG":
        xmp = metadata.xmp_within(JPEG_SEGMENT - XMP_MARK)
    if xmp and kind != "PNG":
        options["xmp"] = xmp
    if metadata.dpi:
        options["dpi"] = metadata.dpi
    if kind == "JPEG" and (comment := metadata.comment_within(JPEG_SEGMENT)):
        options["comment"] = comment
    if kind == "PNG":
        options["pnginfo"] = _png_texts(metadata)
    image = photo.image()
    if kind == "JPEG" and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _need_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise GanColorError(
            "output: HEIC needs pillow-heif: pip install 'gan-color[heic]', or choose a --format"
        ) from None
    register_heif_opener()


def _png_texts(metadata: Metadata) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for key, value in metadata.texts:
        info.add_itxt(key, value)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return info


def _png_16(photo: Photo, exif: bytes) -> bytes:
    """OpenCV writes the pixels; what it cannot write is put between header and pixels as chunks
    (https://www.w3.org/TR/png-3, sections 5.3 and 11.3).
    """
    done, encoded = cv2.imencode(".png", _bgr(photo))
    if not done:
        raise OSError("the PNG encoder failed")
    chunks = [_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))]
    if photo.metadata.dpi:
        per_metre = [round(value * METER) for value in photo.metadata.dpi]
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    chunks += [_chunk(kind, data) for kind, data, *_ in _png_texts(photo.metadata).chunks]
    data = encoded.tobytes()
    edge = PNG_SIGNATURE_AND_HEADER
    return b"".join([data[:edge], *chunks, data[edge:]])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bgr(photo: Photo) -> Any:
    order = [2, 1, 0] if photo.alpha is None else [2, 1, 0, 3]
    return photo.array()[..., order]
