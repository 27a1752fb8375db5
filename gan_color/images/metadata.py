"""What a photo's file says about it besides its pixels: kept, except what no longer holds."""

import re
import struct
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

SOFTWARE = ExifTags.Base.Software
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
XMP_ORIENTATION = re.compile(rb'tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>')
# Text chunks of a PNG that repeat the EXIF block or the XMP packet.
REPEATED_TEXT = ("Raw profile type exif", "Raw profile type APP1", "XML:com.adobe.xmp", "xmp")


@dataclass(frozen=True)
class Metadata:
    """EXIF (Pillow's bytes, without thumbnail), XMP, dots per inch, JPEG's comment, PNG's texts."""

    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    comment: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()

    def noted(self, note: str) -> bytes:
        """The EXIF block with `note` added to the tag Software; as it is for an empty note."""
        if not note:
            return self.exif
        exif = Image.Exif()
        exif.load(self.exif)
        found = str(exif.get(SOFTWARE, "")).strip("\0 ")
        exif[SOFTWARE] = f"{found}; {note}" if found else note
        return exif.tobytes()


def of(
    source: Image.Exif, info: dict[Any, Any], texts: dict[str, Any], size: tuple[int, int]
) -> Metadata:
    """What to keep of a file's metadata.

    Args:
        source: its EXIF block, or the directory of a TIFF.
        info: as of Pillow's images: xmp, dpi, comment.
        texts: of a PNG.
        size: of the upright photo.

    Warns where the EXIF block is damaged, and leaves it out.
    """
    try:
        exif = _exif(source, size)
    except (struct.error, ValueError, TypeError, KeyError, OverflowError, SyntaxError, OSError):
        warnings.warn("the EXIF block is damaged and was left out", stacklevel=2)
        exif = b""
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    dpi = info.get("dpi")
    comment = info.get("comment") or b""
    return Metadata(
        exif,
        XMP_ORIENTATION.sub(b"", xmp),
        (float(dpi[0]), float(dpi[1])) if dpi else None,
        comment.encode() if isinstance(comment, str) else bytes(comment),
        tuple((k, str(v)) for k, v in texts.items() if k not in REPEATED_TEXT),
    )


def _exif(source: Image.Exif, size: tuple[int, int]) -> bytes:
    kept = Image.Exif()
    for tag, value in source.items():
        if tag not in LAYOUT:
            kept[tag] = value
    for block in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        values = dict(source.get_ifd(block))
        if not values:
            kept.pop(block, None)
            continue
        if ExifTags.Base.ExifImageWidth in values:
            values[ExifTags.Base.ExifImageWidth] = size[0]
            values[ExifTags.Base.ExifImageHeight] = size[1]
        kept[block] = values
    return kept.tobytes() if len(kept) else b""
