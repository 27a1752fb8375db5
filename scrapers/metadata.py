"""Strip what a picture says of people and places: GPS, camera owner, comments, thumbnails.

The pixels are not touched, and what a reader needs stays: color profile and orientation.
"""

import io
import re
import struct
import zlib
from pathlib import Path

from PIL import Image

from scrapers.errors import BadImageError
from scrapers.files import atomic
from scrapers.images import ORIENTATION, decode, identify, save, upright
from scrapers.isobmff import metadata_ranges

# Chunks of a PNG that change how its pixels look.
_PNG_KEPT = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"iCCP",
        b"sRGB",
        b"gAMA",
        b"cHRM",
        b"cICP",
        b"sBIT",
    )
)
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # 00 and D0 to D7 belong to the scan


def stripped(path: Path) -> bytes:
    """The bytes of a picture without metadata. Raises BadImageError, OSError."""
    image = identify(path)
    turn = int(image.getexif().get(ORIENTATION, 1))
    turn = turn if turn in range(2, 9) else 1
    data = path.read_bytes()
    try:
        if image.format in ("JPEG", "MPO"):
            return _jpeg(data, turn)
        if image.format == "PNG":
            return _png(data, turn)
        if image.format == "WEBP":
            return _webp(data, turn)
        if image.format in ("AVIF", "HEIF"):
            return _blanked(data)
    except (IndexError, struct.error, ValueError) as error:
        raise BadImageError("corrupt", f"damaged {image.format}: {error}") from None
    return _saved_again(image)


def _exif(turn: int) -> bytes:
    """A TIFF block of one entry: the orientation."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, ORIENTATION, 3, 1, turn, 0, 0)


def _jpeg(data: bytes, turn: int) -> bytes:
    kept = [b"\xff\xd8"]
    if turn > 1:
        block = b"Exif\0\0" + _exif(turn)
        kept.append(b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block)
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xD9:
            break  # more pictures and their metadata may follow
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xDA:
            found = _NEXT_MARKER.search(data, end)
            end = found.start() if found else len(data)
        if _needed(marker, data[at + 4 : at + 16]):
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, b"\xff\xd9"])


def _needed(marker: int, head: bytes) -> bool:
    if marker == 0xFE:  # a comment
        return False
    if 0xE0 <= marker <= 0xEF:  # JFIF, color profile, Adobe's color transform
        return head.startswith((b"JFIF\0", b"ICC_PROFILE\0", b"Adobe"))
    return True


def _png(data: bytes, turn: int) -> bytes:
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind == b"IDAT" and turn > 1:
            kept.append(_png_chunk(b"eXIf", _exif(turn)))
            turn = 1
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        at = end
        if kind == b"IEND":
            break
    return b"".join(kept)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp(data: bytes, turn: int) -> bytes:
    chunks, at = [], 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if kind == b"VP8X":  # flags: 8 says EXIF, 4 XMP
            body = bytes([body[0] & ~0x0C | (0x08 if turn > 1 else 0)]) + body[1:]
        if kind not in (b"EXIF", b"XMP "):
            chunks.append((kind, body))
    if turn > 1:
        chunks.append((b"EXIF", _exif(turn)))
    inner = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for kind, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def _blanked(data: bytes) -> bytes:
    """AVIF and HEIC hold items at fixed offsets, and turn without EXIF: blank what describes."""
    empty = b"\0\0\0\0" + struct.pack("<2sHIHI", b"II", 42, 8, 0, 0)  # a block without entries
    for kind, start, end in metadata_ranges(data):
        length = len(data[start:end])
        blank = empty.ljust(length, b"\0") if kind == b"Exif" else b" " * length
        data = data[:start] + blank[:length] + data[start + length :]
    return data


def _saved_again(image: Image.Image) -> bytes:
    """The same pixels in a new file, without loss: TIFF, BMP, GIF, PPM."""
    kind = str(image.format)
    profile = image.info.get("icc_profile")
    plain = upright(decode(image)).copy()
    plain.info = (
        {"transparency": image.info["transparency"]} if "transparency" in image.info else {}
    )
    buffer = io.BytesIO()
    save(plain, buffer, kind, icc_profile=profile)
    return buffer.getvalue()


def copy_stripped(source: Path, target: Path) -> None:
    """Copy a picture without its metadata, atomically. Raises BadImageError, OSError."""
    data = stripped(source)
    with atomic(target) as partial:
        partial.write_bytes(data)
