"""TIFF, at 8 and 16 bits, with the metadata of a photo."""

import io
import struct
from typing import Any

import tifffile
from PIL import ExifTags, Image, TiffImagePlugin, TiffTags

from gan_color.images.metadata import LAYOUT
from gan_color.images.photo import Photo

# Those that the TIFF writer sets itself.
OWN_TIFF_TAGS = LAYOUT | {
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
}


def write_tiff(photo: Photo, exif: bytes, profile: bytes) -> bytes:
    """tifffile writes 8 and 16 bits alike; the Exif and GPS blocks, which it cannot write, are
    appended, and their offsets put into the tags that point to them (TIFF 6.0, section 2).
    """
    tags = Image.Exif()
    tags.load(exif)
    blocks = {int(tag): tags.get_ifd(tag) for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)}
    blocks = {tag: values for tag, values in blocks.items() if values}
    # Under the number before, which tifffile does not refuse and which sorts the same.
    extra: list[tuple[int, str, int, Any, bool]] = [(tag - 1, "I", 1, 0, True) for tag in blocks]
    software = tags.pop(ExifTags.Base.Software, None)
    for tag, value in tags.items():
        kind = {str: "s", bytes: "B", int: "I"}.get(type(value))
        if kind and tag not in blocks and tag not in OWN_TIFF_TAGS:
            count = len(value) if kind == "B" else int(kind == "I")
            extra.append((int(tag), kind, count, value, True))
    if photo.metadata.xmp:
        xmp = photo.metadata.xmp
        extra.append((int(ExifTags.Base.XMLPacket), "B", len(xmp), xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        photo.array(),
        byteorder="<",
        photometric="rgb",
        compression="zlib",
        iccprofile=profile,
        extrasamples=None if photo.alpha is None else ["unassalpha"],
        resolution=photo.metadata.dpi,
        resolutionunit="inch" if photo.metadata.dpi else None,
        software=software or False,
        metadata=None,
        extratags=extra,
    )
    data = bytearray(buffer.getvalue())
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        places = {tag: file.pages.first.tags[tag - 1].offset for tag in blocks}
    for tag, values in blocks.items():
        data += bytes(len(data) % 2)  # blocks begin at even offsets
        directory = TiffImagePlugin.ImageFileDirectory_v2(group=tag)
        directory.update(values)
        struct.pack_into("<HHII", data, places[tag], tag, TiffTags.LONG, 1, len(data))
        data += directory.tobytes(len(data))
    return bytes(data)
