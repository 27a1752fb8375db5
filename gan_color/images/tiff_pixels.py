"""TIFFs that Pillow does not read, or reads wrong: 16 bits a sample, and planes of 8.

tifffile reads the directory and imagecodecs undoes the compression, but neither places the pixels:
where a file holds less than it says, they fill up with zeros or leave memory as it was. Here it is
refused, as is every layout that is not understood.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import ExifTags

from gan_color.images.damage import BadImageError
from gan_color.images.photo import Pixels

# TIFF 6.0 and its supplements, by the number in the file.
DECODERS: dict[int, Any] = {
    1: None,
    5: imagecodecs.lzw_decode,
    8: imagecodecs.zlib_decode,
    32946: imagecodecs.zlib_decode,
    32773: imagecodecs.packbits_decode,
    34925: imagecodecs.lzma_decode,
    50000: imagecodecs.zstd_decode,
}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # PhotometricInterpretation
ASSOCIATED, UNASSOCIATED = 1, 2  # ExtraSamples
NO_PREDICTOR, HORIZONTAL = 1, 2
CHUNKY, PLANAR = 1, 2  # PlanarConfiguration
UNSIGNED = 1  # SampleFormat
REVERSED_BITS = 2  # FillOrder
REDUCED_PAGE = 1  # bit of NewSubfileType: a smaller copy of another page


@dataclass(frozen=True)
class TiffPhoto:
    """The photo of a file, and what its directory says of it."""

    color: Pixels  # [H, W, 1 or 3], as stored: neither upright nor in sRGB
    alpha: Pixels | None  # [H, W]
    profile: bytes | None
    xmp: bytes
    dpi: tuple[float, float] | None
    orientation: int


def describe(source: Path | io.BytesIO) -> str:
    """What a TIFF holds, for a sentence that refuses it; empty where not even that is readable."""
    if isinstance(source, io.BytesIO):
        source.seek(0)
    try:
        with tifffile.TiffFile(source) as file:
            return f" ({_layout(_pages(file)[0])})"
    except Exception:  # the library raises anything on damage
        return ""


def read_tiff(source: Path | io.BytesIO, pixel_limit: int) -> TiffPhoto | None:
    """The photo of a TIFF with 16 bits a sample, or with planes of 8; None for any other TIFF.

    Raises BadImageError for a damaged file, an unknown layout, more than `pixel_limit` pixels.
    """
    if isinstance(source, io.BytesIO):
        source.seek(0)
    with tifffile.TiffFile(source) as file:
        pages = _pages(file)
        page = pages[0]
        planes_of_8 = page.bitspersample == 8 and page.planarconfig == PLANAR and _is_known(page)
        if page.bitspersample != 16 and not planes_of_8:
            return None
        if len(pages) > 1:
            raise BadImageError(f"{len(pages)} pages, expected one: split the file first")
        if page.imagewidth * page.imagelength > pixel_limit:
            raise BadImageError(
                f"{page.imagewidth} x {page.imagelength} pixels, at most {pixel_limit:,} are "
                "accepted"
            )
        if not _is_known(page):
            raise BadImageError(
                f"a TIFF with {_layout(page)}, expected unsigned gray or RGB, uncompressed or "
                "compressed without loss: convert it first"
            )
        values = _values(page, file.filehandle)
        color, alpha = _color_and_alpha(page, values)
        tags = page.tags
        xmp = tags.valueof(int(ExifTags.Base.XMLPacket)) or b""
        return TiffPhoto(
            color,
            alpha,
            page.iccprofile,
            xmp.encode() if isinstance(xmp, str) else bytes(xmp),
            _dots_per_inch(page),
            int(tags.valueof(int(ExifTags.Base.Orientation)) or 1),
        )


def _pages(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    pages = [page.aspage() for page in file.pages]
    whole = [page for page in pages if not page.subfiletype & REDUCED_PAGE]
    return whole or pages[:1]


def _is_known(page: tifffile.TiffPage) -> bool:
    colors = 3 if page.photometric == RGB else 1
    return (
        page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        and page.sampleformat == UNSIGNED
        and page.compression in DECODERS
        and page.predictor in (NO_PREDICTOR, HORIZONTAL)
        and page.samplesperpixel >= colors
        and page.planarconfig in (CHUNKY, PLANAR)
        and page.imagedepth == 1
    )


def _layout(page: tifffile.TiffPage) -> str:
    named = [page.photometric, page.compression]
    words = ", ".join(str(getattr(value, "name", value)).lower() for value in named)
    signed = "" if page.sampleformat == UNSIGNED else ", not unsigned"
    return f"{page.bitspersample} bits a sample, {page.samplesperpixel} samples, {words}{signed}"


def _values(page: tifffile.TiffPage, file: Any) -> Pixels:
    """[H, W, samples], every one of them written by this function."""
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    planes = samples if page.planarconfig == PLANAR else 1
    depth = samples // planes
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, height)
    columns = page.tilewidth if page.is_tiled else width
    if rows < 1 or columns < 1:
        raise BadImageError(f"segments of {columns} x {rows} pixels: the file is damaged")
    down, across = -(-height // rows), -(-width // columns)
    offsets, lengths = page.dataoffsets, page.databytecounts
    expected = planes * down * across
    if min(len(offsets), len(lengths)) < expected:
        found = min(len(offsets), len(lengths))
        raise BadImageError(f"found {found} segments of {expected}: the file is truncated")
    size = page.bitspersample // 8
    values = np.empty((height, width, samples), f"u{size}")
    for index, (top, left, plane) in enumerate(_places(planes, down, across, rows, columns)):
        kept_rows = min(rows, height - top)
        needed = (rows if page.is_tiled else kept_rows) * columns * depth
        flat = _segment(page, file, offsets[index], lengths[index], needed, rows * columns * depth)
        segment = flat.reshape(-1, columns, depth)
        if page.predictor == HORIZONTAL:
            segment = np.add.accumulate(segment, axis=1, dtype=values.dtype)
        kept = segment[:kept_rows, : min(columns, width - left)]
        place = slice(top, top + kept.shape[0]), slice(left, left + kept.shape[1])
        values[(*place, slice(plane, plane + depth))] = kept
    return values


def _places(
    planes: int, down: int, across: int, rows: int, columns: int
) -> Iterator[tuple[int, int, int]]:
    for plane in range(planes):
        for row in range(down):
            for column in range(across):
                yield row * rows, column * columns, plane


def _segment(
    page: tifffile.TiffPage, file: Any, offset: int, length: int, needed: int, most: int
) -> Pixels:
    """`needed` values of one strip or tile, which holds `most` at the most, in native order."""
    file.seek(offset)
    data = file.read(length)
    if len(data) < length or not length:
        raise BadImageError("pixels are missing: the file is truncated")
    if page.fillorder == REVERSED_BITS:
        data = imagecodecs.bitorder_decode(data)
    size, decode = page.bitspersample // 8, DECODERS[page.compression]
    if decode is not None:
        try:
            data = decode(data, out=size * most)
        except RuntimeError as error:
            raise BadImageError(f"pixels cannot be decompressed: {error}") from None
    if len(data) < size * needed:
        raise BadImageError(
            f"found {len(data)} of {size * needed} bytes of pixels: the file is truncated"
        )
    stored = np.frombuffer(data, f"{page.parent.byteorder}u{size}", needed)
    return stored.astype(f"u{size}")


def _color_and_alpha(page: tifffile.TiffPage, values: Pixels) -> tuple[Pixels, Pixels | None]:
    colors = 3 if page.photometric == RGB else 1
    color = np.ascontiguousarray(values[..., :colors])
    if page.photometric == WHITE_IS_ZERO:
        color = np.iinfo(color.dtype).max - color
    kinds = [int(kind) for kind in page.extrasamples]
    if not kinds and values.shape[2] == colors + 1:
        kinds = [UNASSOCIATED]  # not said, and common
    # Unspecified samples are data of other programs, such as saved selections.
    for i, kind in enumerate(kinds[: values.shape[2] - colors]):
        if kind not in (ASSOCIATED, UNASSOCIATED):
            continue
        alpha = np.ascontiguousarray(values[..., colors + i])
        return (_divided(color, alpha) if kind == ASSOCIATED else color), alpha
    return color, None


def _divided(color: Pixels, alpha: Pixels) -> Pixels:
    """Color that was stored multiplied by alpha; where alpha is 0, none is left to restore."""
    out, most = np.empty_like(color), np.iinfo(color.dtype).max
    for row in range(len(color)):  # by rows, so that a large photo is never there as 64 bit
        divisor = np.maximum(alpha[row].astype(np.int64), 1)[:, None]
        product = color[row].astype(np.int64) * most + divisor // 2
        out[row] = (product // divisor).clip(0, most)
    return out


def _dots_per_inch(page: tifffile.TiffPage) -> tuple[float, float] | None:
    unit = {2: 1.0, 3: 2.54}.get(int(page.tags.valueof(int(ExifTags.Base.ResolutionUnit)) or 2))
    stored = [
        page.tags.valueof(int(tag))
        for tag in (ExifTags.Base.XResolution, ExifTags.Base.YResolution)
    ]
    if unit is None or not all(isinstance(pair, tuple) and 0 not in pair for pair in stored):
        return None
    across, down = (float(pair[0] / pair[1] * unit) for pair in stored)
    return across, down
