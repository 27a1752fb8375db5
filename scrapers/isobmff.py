"""Where an AVIF or HEIC file holds its metadata (ISO/IEC 14496-12, boxes iinf and iloc)."""

import struct
from collections.abc import Iterator

# Items that describe; those of the picture itself are hvc1, av01, grid ...
_METADATA = (b"Exif", b"mime", b"uri ")


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of the contents of each box in a range."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        stop = end if size == 0 else start + size
        if stop > end or stop < start + head:
            raise ValueError(f"box {kind!r} is cut")
        yield kind, start + head, stop
        start = stop


def metadata_ranges(data: bytes) -> list[tuple[bytes, int, int]]:
    """(item type, start, end) of every byte range that holds EXIF, XMP and the like.

    Raises ValueError, struct.error for a damaged file.
    """
    meta = next(((a, b) for kind, a, b in _boxes(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None:
        return []
    inner = {kind: (a, b) for kind, a, b in _boxes(data, meta[0] + 4, meta[1])}
    if b"iinf" not in inner or b"iloc" not in inner:
        return []
    kinds = dict(_items(data, *inner[b"iinf"]))
    inside = inner.get(b"idat", (0, 0))[0]
    return [
        (kinds[item], start + inside * relative, start + inside * relative + length)
        for item, relative, start, length in _extents(data, inner[b"iloc"][0])
        if kinds.get(item) in _METADATA
    ]


def _items(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(id, type) of each item of iinf."""
    first = start + (6 if data[start] == 0 else 8)
    for kind, at, _ in _boxes(data, first, end):
        if kind == b"infe" and data[at] >= 2:
            wide = data[at] >= 3
            (item,) = struct.unpack_from(">I" if wide else ">H", data, at + 4)
            at += 4 + (4 if wide else 2) + 2
            yield item, data[at : at + 4]


def _extents(data: bytes, at: int) -> Iterator[tuple[int, bool, int, int]]:
    """(item, relative to idat, start, length) of each extent of iloc."""
    version = data[at]

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big")

    at += 4
    sizes = number(2)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    wide = 4 if version == 2 else 2
    for _ in range(number(wide)):
        item = number(wide)
        relative = bool(version and number(2) & 15 == 1)
        number(2)  # data reference
        origin = number(base)
        for _ in range(number(2)):
            if version and index:
                number(index)
            start = number(offset)
            yield item, relative, origin + start, number(length)
