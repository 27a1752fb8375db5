"""What one command reads, the others read: training, `colorize`, the server, and the scrapers."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_color.config.data import DataConfig, FolderConfig
from gan_color.data.index import ScanCache, scan
from gan_color.errors import GanColorError
from gan_color.images import formats
from gan_color.images.decode import read
from gan_color.images.open import BadImageError, open_image, read_rgb, to_srgb
from gan_color.images.photo import to_8_bit
from gan_color.inference.batch import BatchOptions
from gan_color.inference.jobs import plan_jobs, settle
from gan_color.web.colorize import read_photo
from gan_color.web.limits import Limits
from scrapers import formats as of_scrapers
from scrapers.checks.inspect_image import inspect_image
from scrapers.checks.rules import Rules
from scrapers.images import is_image_file
from tests.helpers.image_files import animation, file_bytes, tiff

RANDOM = np.random.default_rng(0)
HEIGHT, WIDTH = 48, 64
PIXELS = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
PHOTO = Image.fromarray(PIXELS)
# Written by Pillow under a suffix that is not in the table, too.
WRITTEN = {
    **{suffix: kind for kind, suffixes in formats.FORMATS.items() for suffix in suffixes},
    ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".jpx": "JPEG2000", ".tga": "TGA", ".pcx": "PCX",
    ".ico": "ICO", ".dib": "DIB", ".dds": "DDS", ".apng": "PNG", ".eps": "EPS",
}  # fmt: skip


def bmp_565(values: np.ndarray) -> bytes:
    """A BMP of 5, 6 and 5 bits a pixel, from uint16 [H, W]."""
    data = values[::-1].astype("<u2").tobytes()
    height, width = values.shape
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 16, 3, len(data), 2835, 2835, 0, 0)
    head += struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + data


def pnm(kind: bytes, values: np.ndarray, most: int) -> bytes:
    head = kind + b" %d %d %d\n" % (*values.shape[1::-1], most)
    return head + values.astype(">u2" if most > 255 else "u1").tobytes()


DEEP = RANDOM.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
# Bytes, the suffix that they come under, and whether they are a photo.
LAYOUTS = {
    "bmp 5-6-5": (bmp_565(DEEP), ".bmp", True),
    "pgm of 16 bits": (pnm(b"P5", DEEP, 65535), ".pgm", True),
    "pgm of 12 bits": (pnm(b"P5", DEEP // 16, 4095), ".pgm", True),
    "pgm of 8 bits": (pnm(b"P5", PIXELS[..., 0], 255), ".pgm", True),
    "ppm of 16 bits": (pnm(b"P6", DEEP[:, :63].reshape(HEIGHT, 21, 3), 65535), ".pnm", True),
    "mpo": (file_bytes(PHOTO, "MPO", save_all=True, append_images=[PHOTO]), ".mpo", True),
    "gif": (file_bytes(PHOTO, "GIF"), ".gif", True),
    "gray png of 16 bits": (file_bytes(Image.fromarray(DEEP), "PNG"), ".png", True),
    "tiff planes of 16 bits": (
        tiff(np.stack([DEEP] * 3), photometric="rgb", planarconfig="separate"), ".tif", True,
    ),
    "animated gif": (animation("GIF"), ".gif", False),
    "animated png": (animation("PNG"), ".png", False),
    "animated webp": (animation("WEBP"), ".webp", False),
    "animated avif": (animation("AVIF"), ".avif", False),
    "tiff of 3 pages": (animation("TIFF"), ".tif", False),
    "tiff of floats": (file_bytes(Image.new("F", (64, 48), 0.5), "TIFF"), ".tif", False),
    "tiff of 32 bits": (file_bytes(Image.new("I", (64, 48), 70_000), "TIFF"), ".tif", False),
    "pfm": (b"Pf 64 48 -1.0\n" + bytes(4 * 64 * 48), ".ppm", False),
    "targa under another name": (file_bytes(PHOTO, "TGA"), ".bmp", False),
    "psd under another name": (b"8BPS\0\1" + bytes(20), ".jpg", False),
    "ico under another name": (file_bytes(PHOTO, "ICO"), ".png", False),
    "jpeg 2000 under another name": (file_bytes(PHOTO, "JPEG2000"), ".jpg", False),
}  # fmt: skip


def written(kind: str) -> bytes:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    return file_bytes(PHOTO, kind)


def test_both_packages_have_the_same_table():
    assert of_scrapers.FORMATS == formats.FORMATS
    assert of_scrapers.UNREAD == formats.UNREAD
    assert not formats.SUFFIXES & formats.UNREAD
    # Whatever Pillow calls a picture's suffix and is not read is skipped with a word, or unknown.
    assert {".tga", ".jp2", ".psd", ".svg"} <= formats.UNREAD


@pytest.mark.parametrize("suffix", sorted(WRITTEN))
def test_a_file_of_each_suffix_is_read_by_all_or_refused_by_all(suffix, tmp_path: Path, capsys):
    album = tmp_path / "album"
    album.mkdir()
    file_bytes_of = written(WRITTEN[suffix])
    for name in (f"photo{suffix}", f"PHOTO2{suffix.upper()}"):
        (album / name).write_bytes(file_bytes_of)
    (album / "other.png").write_bytes(file_bytes(PHOTO, "PNG"))
    known = suffix in formats.SUFFIXES
    names = {f"photo{suffix}", f"PHOTO2{suffix.upper()}"} if known else set()

    found = scan((FolderConfig(path=album),), DataConfig(folders=(album,)), ScanCache(None))
    assert {file.path.name for file in found.files} == names | {"other.png"}
    assert not found.bad
    told = " ".join(capsys.readouterr().err.split())
    assert (f"skipped 2 of formats that are not read ({suffix})" in told) == (not known)

    jobs = plan_jobs([album], tmp_path / "out")
    assert {job.source.name for job in jobs} == names | {"other.png"}
    assert (f"skipped 2 of formats that are not read ({suffix})" in capsys.readouterr().err) == (
        not known
    )
    failed, rest = settle(plan_jobs([album / f"photo{suffix}"], tmp_path / "out"), BatchOptions())
    assert (len(failed), len(rest)) == ((0, 1) if known else (1, 0))
    assert known or "not an image file" in failed[0].problem

    assert is_image_file(album / f"photo{suffix}")
    checked = inspect_image(album, f"photo{suffix}", Rules(min_side=8))
    assert (checked.verdict not in ("unsupported", "corrupt")) == known
    assert known or checked.reason


def training(data: bytes) -> np.ndarray:
    return np.asarray(to_srgb(open_image(io.BytesIO(data))))


def colorizing(data: bytes) -> np.ndarray:
    photo = read(data)
    pixels = to_8_bit(photo.pixels)
    if photo.alpha is None:
        return pixels
    return np.asarray(Image.composite(Image.fromarray(pixels),
                      Image.new("RGB", photo.size, "white"),
                      Image.fromarray(to_8_bit(photo.alpha))))  # fmt: skip


def serving(data: bytes) -> np.ndarray:
    return to_8_bit(read_photo(data, Limits()).pixels)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_each_layout_is_read_alike_or_refused_by_all(layout: str, tmp_path: Path):
    data, suffix, is_photo = LAYOUTS[layout]
    (tmp_path / f"x{suffix}").write_bytes(data)
    if not is_photo:
        for reader in (training, colorizing, serving):
            with pytest.raises(GanColorError) as caught:
                reader(data)
            assert str(caught.value).strip()
        with pytest.raises(BadImageError):
            read_rgb(tmp_path / f"x{suffix}")
        assert inspect_image(tmp_path, f"x{suffix}", Rules(min_side=8)).verdict != "keep"
        return
    first = training(data).astype(int)
    assert first.std() > 0
    for reader in (colorizing, serving):
        assert np.abs(reader(data) - first).max() <= 1


def test_16_bits_of_a_pgm_stay_16_bits():
    for most in (65535, 4095):
        found = read(pnm(b"P5", DEEP // (65536 // (most + 1)), most)).pixels[..., 0]
        stored = (DEEP // (65536 // (most + 1))).astype(int)
        assert np.abs(found - stored * 65535 / most).max() <= 1


def test_a_bmp_of_5_6_and_5_bits_has_its_colors():
    found = read(bmp_565(DEEP)).pixels
    levels = [DEEP >> 11, DEEP >> 5 & 63, DEEP & 31]
    for channel, most in enumerate((31, 63, 31)):
        assert np.abs(found[..., channel] - levels[channel] * 255 / most).max() <= 1


def test_a_folder_of_nothing_else_says_what_is_there(tmp_path: Path):
    (tmp_path / "a.tga").write_bytes(file_bytes(PHOTO, "TGA"))
    with pytest.raises(GanColorError, match=r"but 1 of formats that are not read \(.tga\)"):
        plan_jobs([tmp_path], tmp_path / "out")
