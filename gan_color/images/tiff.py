"""TIFF, at 8 and 16 bits, with the metadata of a photo."""

import io
import struct
from typing import Any

import tifffile

from gan_color.images.exif import LONG, MAIN, POINTERS, Block, dump
from gan_color.images.photo import Photo

# Resolution and its unit, which the TIFF writer sets itself.
OWN_TAGS = (0x011A, 0x011B, 0x0128)
XMP = 0x02BC


def write_tiff(photo: Photo, block: Block, profile: bytes) -> bytes:
    """tifffile writes 8 and 16 bits alike; the Exif and GPS blocks, which it cannot write, are
    appended, and their offsets put into the tags that point to them (TIFF 6.0, section 2).
    """
    inner = {tag: name for (parent, tag), name in POINTERS.items() if parent == MAIN}
    inner = {tag: name for tag, name in inner.items() if dump(block, 0, name)}
    tags = {tag: value for tag, value in block.directories.get(MAIN, {}).items()
            if tag not in OWN_TAGS and tag + 1 not in inner}  # fmt: skip
    # Under the number before, which tifffile does not refuse and which sorts the same.
    extra: list[tuple[int, Any, int, Any, bool]] = [(tag - 1, LONG, 1, 0, True) for tag in inner]
    extra += [(tag, value.type, value.count, value.value, True) for tag, value in tags.items()]
    if photo.metadata.xmp:
        extra.append((XMP, 1, len(photo.metadata.xmp), photo.metadata.xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        photo.array(),
        byteorder=block.order,
        photometric="rgb",
        compression="zlib",
        iccprofile=profile,
        extrasamples=None if photo.alpha is None else ["unassalpha"],
        resolution=photo.metadata.dpi,
        resolutionunit="inch" if photo.metadata.dpi else None,
        software=False,
        metadata=None,
        extratags=extra,
    )
    data = bytearray(buffer.getvalue())
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        places = {tag: file.pages.first.tags[tag - 1].offset for tag in inner}
    for tag, name in inner.items():
        data += bytes(len(data) % 2)  # blocks begin at even offsets
        struct.pack_into(block.order + "HHII", data, places[tag], tag, LONG, 1, len(data))
        data += dump(block, len(data), name)
    return bytes(data)
