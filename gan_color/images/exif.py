"""EXIF blocks as bytes: every tag keeps its type and value, whatever it means.

A block is a TIFF without pictures (Exif 3.0, section 4.6; TIFF 6.0, section 2): directories of
tags, each with a type, a count, and a value that lies in the entry or elsewhere in the block.
Pillow gives values as Python's, of which other types would be made again.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from PIL import ExifTags

MAIN, EXIF, GPS, INTEROP = "main", "exif", "gps", "interop"
# Which tag of which directory points to which.
POINTERS = {(MAIN, 0x8769): EXIF, (MAIN, 0x8825): GPS, (EXIF, 0xA005): INTEROP}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
ORIENTATION, SOFTWARE = 0x0112, 0x0131
ASCII, SHORT, LONG, UNDEFINED = 2, 3, 4, 7
# Of the stored pixels, not of the photo: wrong in another file. Orientation is in the pixels now.
LAYOUT = frozenset(
    ExifTags.Base[name].value
    for name in """
    Orientation NewSubfileType SubfileType ImageWidth ImageLength BitsPerSample Compression
    PhotometricInterpretation Thresholding FillOrder StripOffsets SamplesPerPixel
    RowsPerStrip StripByteCounts MinSampleValue MaxSampleValue PlanarConfiguration
    TransferFunction Predictor WhitePoint PrimaryChromaticities ColorMap TileWidth
    TileLength TileOffsets TileByteCounts SubIFDs ExtraSamples SampleFormat JPEGTables
    JpegIFOffset JpegIFByteCount YCbCrCoefficients YCbCrSubSampling YCbCrPositioning
    ReferenceBlackWhite XMLPacket InterColorProfile
    """.split()  # noqa: SIM905
)
# Photoshop's resources and layers: thumbnails, paths, the profile, the pictures before.
PHOTOSHOP = (0x8649, 0x935C)
MAKER_NOTE = 0x927C  # of the Exif directory
HEADER = b"Exif\0\0"


class DamagedExifError(Exception):
    """A block whose directories cannot be followed."""


@dataclass(frozen=True)
class Tag:
    """A value as it is stored: TIFF's number of its type, how many, and the bytes."""

    type: int
    count: int
    value: bytes


@dataclass
class Block:
    """The directories of a block, {tag: value}, in a byte order, "<" or ">"."""

    order: Literal["<", ">"] = "<"
    directories: dict[str, dict[int, Tag]] = field(default_factory=dict)
    maker_note_at: int = 0  # its own offsets count from the start of the block it was in
    orientation: int = 1  # how the pixels lie
    damaged: bool = False  # whether a value was dropped

    def get(self, directory: str, tag: int) -> Tag | None:
        """A tag, where it is there."""
        return self.directories.get(directory, {}).get(tag)

    def integer(self, directory: str, tag: int) -> int | None:
        """The first number of a SHORT or LONG."""
        found = self.get(directory, tag)
        if found is None or found.type not in (SHORT, LONG) or not found.count:
            return None
        return int.from_bytes(found.value[: SIZES[found.type]], _NAMES[self.order])

    def set_integer(self, directory: str, tag: int, value: int) -> None:
        """A SHORT where the number allows, else a LONG."""
        kind, size = (SHORT, 2) if value < 65536 else (LONG, 4)
        entry = Tag(kind, 1, value.to_bytes(size, _NAMES[self.order]))
        self.directories.setdefault(directory, {})[tag] = entry

    def text(self, directory: str, tag: int) -> str:
        """A text; empty where there is none."""
        found = self.get(directory, tag)
        return "" if found is None else found.value.decode(errors="replace").strip("\0 ")

    def set_text(self, directory: str, tag: int, text: str) -> None:
        """A text, as UTF-8."""
        value = text.encode() + b"\0"
        self.directories.setdefault(directory, {})[tag] = Tag(ASCII, len(value), value)

    def drop(self, directory: str, tags: Iterable[int]) -> None:
        """Remove tags that are there."""
        for tag in tags:
            self.directories.get(directory, {}).pop(tag, None)


_NAMES: dict[str, Literal["little", "big"]] = {"<": "little", ">": "big"}


def parse(data: bytes) -> Block:
    """The block of a file, or of a TIFF, with its Exif, GPS and Interoperability directories; what
    describes the stored pixels (LAYOUT) and the thumbnail are dropped.

    Raises DamagedExifError where no directory can be read.
    """
    while data.startswith(HEADER):
        data = data[len(HEADER) :]
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    order = orders.get(data[:2])
    if order is None or len(data) < 8:
        raise DamagedExifError("no byte order")
    block = Block(order)
    big = struct.unpack_from(order + "H", data, 2)[0] == 43  # BigTIFF
    first = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    _read_directory(block, data, MAIN, first[0], big)
    return block


def _read_directory(block: Block, data: bytes, name: str, offset: int, big: bool) -> None:
    order, tags = block.order, block.directories.setdefault(name, {})
    counted, entry_form, inline, word = ("Q", "HHQ", 8, "Q") if big else ("H", "HHI", 4, "I")
    size = struct.calcsize("=" + entry_form) + inline
    try:
        (count,) = struct.unpack_from(order + counted, data, offset)
    except struct.error:
        if name == MAIN:
            raise DamagedExifError("no directory") from None
        block.damaged = True
        return
    start = offset + struct.calcsize("=" + counted)
    for i in range(min(count, 65535)):
        at = start + i * size
        if at + size > len(data):
            block.damaged = True
            return
        tag, kind, number = struct.unpack_from(order + entry_form, data, at)
        length = SIZES.get(kind, 0) * number
        place = at + size - inline
        if length > inline:
            (place,) = struct.unpack_from(order + word, data, place)
        if name == MAIN and (tag in LAYOUT or tag in PHOTOSHOP):
            if tag == ORIENTATION and kind == SHORT:
                block.orientation = int.from_bytes(data[place : place + 2], _NAMES[order])
            continue
        if kind not in SIZES or place + length > len(data):
            block.damaged = True
            continue
        value = data[place : place + length]
        inner = POINTERS.get((name, tag))
        if inner is None:
            tags[tag] = Tag(kind, number, value)
            if (name, tag) == (EXIF, MAKER_NOTE):
                block.maker_note_at = place
        elif inner not in block.directories and value:
            pointed = int.from_bytes(value, _NAMES[order])
            _read_directory(block, data, inner, pointed, big)


def dump(block: Block, start: int = 0, root: str = MAIN) -> bytes:
    """The block of these directories, from `root` down; without the header of a TIFF where `root`
    is another one, for a block that lies `start` bytes into a file. Empty for an empty block.

    A maker's note lies where it lay, if the rest leaves that free: its own offsets stay right.
    """
    names = [MAIN, EXIF, GPS, INTEROP]
    used = [name for name in names if block.directories.get(name)]
    if not used:
        return b""
    children = {}
    for (parent, tag), name in POINTERS.items():
        if name in used and (name == INTEROP or parent == MAIN):
            children[parent, tag] = name
    if INTEROP in used and EXIF not in used:
        used.append(EXIF)
    included = (
        used if root == MAIN else [n for n in used if n == root or (root, n) == (EXIF, INTEROP)]
    )
    if root == MAIN and MAIN not in included:
        included.insert(0, MAIN)
    head = 8 if root == MAIN else 0
    note = block.get(EXIF, MAKER_NOTE)
    length = sum(_directory_size(block, name, children) for name in included)
    reserved = (0, 0)
    if (
        root == MAIN
        and note
        and block.maker_note_at >= head + length
        and block.maker_note_at < 60_000
    ):
        reserved = (block.maker_note_at, block.maker_note_at + len(note.value))
    out = bytearray(head)
    places = {}
    for name in included:
        places[name] = len(out)
        out += bytes(_directory_size(block, name, children))
    for name in included:
        tags = dict(block.directories.get(name, {}))
        for (parent, tag), child in children.items():
            if parent == name and child in included:
                tags[tag] = Tag(LONG, 1, struct.pack(block.order + "I", start + places[child]))
        _write_directory(block, out, places[name], tags, start, reserved)
    if reserved[1] and note:
        out += bytes(max(0, reserved[1] - len(out)))
        out[reserved[0] : reserved[1]] = note.value
    if root == MAIN:
        mark = b"II*\0" if block.order == "<" else b"MM\0*"
        out[:8] = mark + struct.pack(block.order + "I", places[MAIN])
    return bytes(out)


def _directory_size(block: Block, name: str, children: dict[tuple[str, int], str]) -> int:
    pointers = sum(parent == name for parent, _ in children)
    return 2 + 12 * (len(block.directories.get(name, {})) + pointers) + 4


def _write_directory(
    block: Block,
    out: bytearray,
    place: int,
    tags: dict[int, Tag],
    start: int,
    reserved: tuple[int, int],
) -> None:
    order = block.order
    struct.pack_into(order + "H", out, place, len(tags))
    for i, (number, tag) in enumerate(sorted(tags.items())):
        at = place + 2 + 12 * i
        struct.pack_into(order + "HHI", out, at, number, tag.type, tag.count)
        if len(tag.value) <= 4:
            out[at + 8 : at + 8 + len(tag.value)] = tag.value
            continue
        if reserved[1] and number == MAKER_NOTE:
            struct.pack_into(order + "I", out, at + 8, reserved[0])
            continue
        out += bytes(len(out) % 2)  # values begin at even offsets
        if len(out) < reserved[1] and len(out) + len(tag.value) > reserved[0]:
            out += bytes(reserved[1] + reserved[1] % 2 - len(out))
        struct.pack_into(order + "I", out, at + 8, start + len(out))
        out += tag.value
