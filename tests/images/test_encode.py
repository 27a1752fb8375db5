"""Photos become files of every format, with what belongs to them."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.encode import KINDS, encode, save, srgb_profile
from gan_color.images.photo import Photo
from tests.helpers.image_files import GRAY, file_bytes


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_keeps_pixels_metadata_and_provenance(
    kind: str, tmp_path: Path, coffee: Image.Image
):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription], exif[ExifTags.Base.Software] = "grandmother", "scanner"
    exif[ExifTags.Base.StripOffsets] = 7
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FNumber] = 2.0
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    source = file_bytes(
        coffee.resize((60, 40)), "JPEG", exif=exif, dpi=(300, 300), xmp=xmp, comment=b"attic"
    )
    photo = read(source)
    assert photo.size == (40, 60)  # the packet says that it lies on its side
    path = tmp_path / "deep" / f"x.{kind.lower()}".replace("heif", "heic")
    save(photo, path, note="colorized by a test")
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    again = read(path)
    assert again.format == kind
    limit = 0 if kind in ("PNG", "TIFF", "WEBP") else 20
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= limit
    found = Image.open(path)
    tags = found.getexif()
    assert tags[ExifTags.Base.ImageDescription].strip("\0") == "grandmother"
    assert tags[ExifTags.Base.Software].strip("\0") == "scanner; colorized by a test"
    assert tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FNumber] == 2.0
    assert tags.get(ExifTags.Base.StripOffsets) != 7
    assert b"Orientation" not in again.metadata.xmp
    assert b"xmpmeta" in again.metadata.xmp
    if kind in ("JPEG", "PNG", "TIFF"):
        assert round(again.metadata.dpi[0]) == 300
    if kind == "JPEG":
        assert again.metadata.comment == b"attic"
        assert [layer[1:3] for layer in found.layer] == [(1, 1)] * 3  # 4:4:4


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_metadata_of_16_bits(kind: str):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription], exif[ExifTags.Base.Artist] = "grandmother", "uncle"
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "attic")
    source = read(file_bytes(Image.fromarray(GRAY), "PNG", exif=exif, dpi=(300, 300), pnginfo=info))
    data = encode(source, kind, note="colorized")
    again, found = read(data), Image.open(io.BytesIO(data))
    tags = found.getexif()
    assert tags[ExifTags.Base.ImageDescription] == "grandmother"
    assert tags[ExifTags.Base.Artist] == "uncle"
    assert tags[ExifTags.Base.Software] == "colorized"
    assert round(again.metadata.dpi[0]) == 300
    assert "sRGB" in ImageCms.getProfileDescription(
        ImageCms.ImageCmsProfile(io.BytesIO(found.info["icc_profile"]))
    )
    if kind == "PNG":
        assert again.metadata.texts == (("Title", "attic"),)


def test_the_same_photo_gives_the_same_file_at_any_time(coffee: Image.Image, monkeypatch):
    photo = read(coffee.resize((60, 40)))
    first = [encode(photo, kind) for kind in KINDS]
    srgb_profile.cache_clear()
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    later = made[:24] + struct.pack(">6H", 2031, 5, 6, 7, 8, 9) + made[36:]
    monkeypatch.setattr(ImageCms.ImageCmsProfile, "tobytes", lambda _: later)
    assert [encode(photo, kind) for kind in KINDS] == first


@pytest.mark.parametrize(
    ("kind", "quality", "size", "message"),
    [
        ("GIF", None, 4, "format: found 'GIF', expected one of JPEG, PNG"),
        ("JPEG", 0, 4, "quality: found 0"),
        ("JPEG", None, 70_000, "70000 x 1 as JPEG cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused(kind: str, quality, size: int, message: str):
    with pytest.raises(GanColorError, match=message):
        encode(Photo(np.zeros((1, size, 3), np.uint8)), kind, quality)
