"""What a PNG says of its colors without a profile is honored, or refused; by training alike."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_color.images.decode import read
from gan_color.images.open import BadImageError, open_image, read_rgb, to_srgb
from tests.helpers.image_files import file_bytes, png_16
from tests.images.test_decode import profile_named

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def marked(data: bytes, **chunks: bytes) -> bytes:
    """A PNG with chunks behind its header."""
    made = b""
    for name, body in chunks.items():
        kind = name.encode()
        made += struct.pack(">I", len(body)) + kind + body
        made += struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + made + data[33:]


def plain() -> bytes:
    return file_bytes(Image.fromarray(PIXELS), "PNG")


def gamma(value: int) -> bytes:
    return struct.pack(">I", value)


def by_hand(values: np.ndarray, power: float) -> np.ndarray:
    light = (values / values.max()) ** power
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def check(data: bytes, expected: np.ndarray, off: float = 1.5) -> None:
    photo = read(data)
    depth = 257 if photo.pixels.dtype == np.uint16 else 1
    assert np.abs(photo.pixels / depth - expected).max() < off
    trained = np.asarray(to_srgb(open_image(io.BytesIO(data)))).astype(float)
    assert np.abs(trained - expected).max() < max(off, 3)  # of 8 bits, where dark tones are few


def test_gamma_is_honored_at_8_and_16_bits_gray_and_color():
    deep = PIXELS.astype(np.uint16) * 257
    check(marked(plain(), gAMA=gamma(55556)), by_hand(PIXELS, 1.8))
    check(marked(png_16(deep[..., ::-1]), gAMA=gamma(55556)), by_hand(deep, 1.8))
    gray = file_bytes(Image.fromarray(PIXELS[..., 0]), "PNG")
    check(marked(gray, gAMA=gamma(55556)), by_hand(PIXELS[..., :1], 1.8))


@pytest.mark.parametrize(
    "said",
    [
        {"gAMA": gamma(45455)},
        {"sRGB": b"\0", "gAMA": gamma(100000)},
        {"cICP": bytes([1, 13, 0, 1]), "gAMA": gamma(100000)},
        {"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)},
    ],
)
def test_what_says_srgb_changes_nothing(said: dict[str, bytes]):
    check(marked(plain(), **said), PIXELS, 0.5)


def test_primaries_are_those_of_a_profile():
    # Display P3 by its ICC profile of gamma 2.2, by chunks with that power, and by cICP.
    by_profile = read(file_bytes(Image.fromarray(PIXELS), "PNG", icc_profile=profile_named("p3")))
    chunks = marked(plain(), cHRM=struct.pack(">8I", *P3), gAMA=gamma(45455))
    for data in (chunks, marked(plain(), cICP=bytes([12, 13, 0, 1])),
                 marked(file_bytes(Image.fromarray(PIXELS), "PNG", icc_profile=profile_named(
                     "adobe")), cICP=bytes([12, 13, 0, 1]))):  # fmt: skip
        found = read(data).pixels.astype(int)
        assert np.abs(found - PIXELS).max() > 10
        assert np.abs(found - by_profile.pixels).mean() < 3
        assert np.abs(np.asarray(to_srgb(open_image(io.BytesIO(data)))) - found).max() <= 1


@pytest.mark.parametrize(
    ("cicp", "message"),
    [((9, 16, 0, 1), r"HDR picture \(PQ\)"), ((9, 18, 0, 1), "HLG"), ((99, 13, 0, 1), "99-13-0-1"),
     ((1, 13, 0, 0), "1-13-0-0"), ((1, 13, 1, 1), "1-13-1-1")],
)  # fmt: skip
def test_hdr_and_unknown_colors_are_refused_by_all(cicp, message: str, tmp_path: Path):
    data = marked(plain(), cICP=bytes(cicp))
    (tmp_path / "x.png").write_bytes(data)
    for reader, given in ((read, data), (read_rgb, tmp_path / "x.png")):
        with pytest.raises(BadImageError, match=message):
            reader(given)


def test_a_damaged_gamma_is_told():
    with pytest.warns(UserWarning, match="damaged: sRGB is taken"):
        assert np.array_equal(read(marked(plain(), gAMA=gamma(0))).pixels, PIXELS)
