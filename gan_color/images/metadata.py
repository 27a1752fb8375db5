"""What a photo's file says about it besides its pixels: kept, except what no longer holds."""

import warnings
from dataclasses import dataclass
from typing import Any

from gan_color.images import exif as blocks
from gan_color.images import xmp as packets
from gan_color.images.exif import EXIF, HEADER, INTEROP, MAIN, SOFTWARE, Block, Tag

# Text chunks of a PNG that repeat the EXIF block or the XMP packet.
REPEATED_TEXT = ("Raw profile type exif", "Raw profile type APP1", "XML:com.adobe.xmp", "xmp")
WIDTH, HEIGHT, COLOR_SPACE, GAMMA = 0xA002, 0xA003, 0xA001, 0xA500
SRGB = 1  # of COLOR_SPACE
INDEX, DCF_OPTION, DCF_BASIC = 0x0001, b"R03\0", b"R98\0"  # of INTEROP: Adobe RGB, sRGB
JPEG_SEGMENT = 65_533  # bytes at most, less the marker's own two


@dataclass(frozen=True)
class Metadata:
    """EXIF (a block with its header), XMP, dots per inch, JPEG's comment, PNG's texts."""

    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    comment: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()

    def block(self, note: str = "") -> Block:
        """The EXIF block, with `note` added to the tag Software."""
        block = blocks.parse(self.exif) if self.exif else Block()
        if note:
            found = block.text(MAIN, SOFTWARE)
            block.set_text(MAIN, SOFTWARE, f"{found}; {note}" if found else note)
        return block

    def noted(self, note: str, limit: int | None = None) -> bytes:
        """The EXIF block as a file has it, `limit` bytes long at most: else it loses the maker's
        note, or all but Software, and a warning says so.
        """
        if not note and (limit is None or len(self.exif) <= limit):
            return self.exif
        block = self.block(note)
        data = _with_header(block)
        if limit is None or len(data) <= limit:
            return data
        block.drop(EXIF, [blocks.MAKER_NOTE])
        data = _with_header(block)
        if len(data) <= limit:
            warnings.warn("EXIF is too long for JPEG: the maker's note was dropped", stacklevel=2)
            return data
        warnings.warn("EXIF is too long for JPEG: it was dropped", stacklevel=2)
        return Metadata().noted(note)

    def xmp_within(self, limit: int) -> bytes:
        """The XMP packet, or none and a warning where it is longer."""
        return _within(self.xmp, limit, "XMP")

    def comment_within(self, limit: int) -> bytes:
        """JPEG's comment, or none and a warning where it is longer."""
        return _within(self.comment, limit, "the comment")


def _within(data: bytes, limit: int, what: str) -> bytes:
    if len(data) <= limit:
        return data
    warnings.warn(f"{what} is too long for JPEG ({len(data):,} bytes): dropped", stacklevel=3)
    return b""


def _with_header(block: Block) -> bytes:
    data = blocks.dump(block)
    return HEADER + data if data else b""


def of(exif: bytes, info: dict[Any, Any], texts: dict[str, Any], size: tuple[int, int]) -> Metadata:
    """What to keep of a file's metadata.

    Args:
        exif: its EXIF block, or the whole of a TIFF.
        info: as of Pillow's images: xmp, dpi, comment.
        texts: of a PNG.
        size: of the upright photo.

    Warns where a block is damaged, and leaves out what cannot be read.
    """
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    dpi = info.get("dpi")
    comment = info.get("comment") or b""
    return Metadata(
        _exif(exif, size),
        packets.of_the_photo(xmp),
        (float(dpi[0]), float(dpi[1])) if dpi else None,
        comment.encode() if isinstance(comment, str) else bytes(comment),
        tuple((k, str(v)) for k, v in texts.items() if k not in REPEATED_TEXT),
    )


def _exif(data: bytes, size: tuple[int, int]) -> bytes:
    if not data.strip(b"\0"):
        return b""
    try:
        block = blocks.parse(data)
    except blocks.DamagedExifError:
        warnings.warn("the EXIF block is damaged and was dropped", stacklevel=3)
        return b""
    if block.damaged:
        warnings.warn("the EXIF block is damaged: what was readable was kept", stacklevel=3)
    for tag, side in ((WIDTH, size[0]), (HEIGHT, size[1])):
        if (found := block.integer(EXIF, tag)) is not None and found != side:
            block.set_integer(EXIF, tag, side)
    # The pixels are sRGB now.
    if block.integer(EXIF, COLOR_SPACE) not in (None, SRGB):
        block.set_integer(EXIF, COLOR_SPACE, SRGB)
    block.drop(EXIF, [GAMMA])
    index = block.get(INTEROP, INDEX)
    if index is not None and index.value == DCF_OPTION:
        block.directories[INTEROP][INDEX] = Tag(index.type, index.count, DCF_BASIC)
    return _with_header(block)
