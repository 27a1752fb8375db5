"""Every layout of TIFF and PNG against the values that were stored, and against libtiff."""

import io
import itertools
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from gan_color.images.decode import read
from gan_color.images.open import BadImageError, open_image, to_srgb
from tests.helpers import layout_table
from tests.helpers.image_files import file_bytes, tiff
from tests.helpers.layouts import HEIGHT, KINDS, PACKED, RANDOM, WIDTH, chunk, png_16, written
from tests.helpers.runs import REPOSITORY


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0]}-{'-'.join(kind[2])}")
@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("depth", [16, 8])
def test_what_is_read_is_what_was_stored(kind, packed: str, depth: int):
    planars = ["contig", "separate"] if kind[1] > 1 else ["contig"]
    predictors = [False] if packed in ("none", "packbits") else [False, True]
    if depth == 8:
        planars = planars[1:]  # the others are Pillow's
    for planar, tile, order, predict in itertools.product(
        planars, (None, (16, 32)), "<>", predictors
    ):
        data, color, alpha = written(kind, depth, planar, tile, packed, order, predict)
        found = read(data)
        layout = (planar, tile, order, predict)
        assert found.pixels.dtype == f"u{depth // 8}", layout
        assert np.array_equal(found.pixels, color), layout
        assert (found.alpha is None) == (alpha is None), layout
        assert alpha is None or np.array_equal(found.alpha, alpha), layout
        assert np.array_equal(read(data).pixels, found.pixels)  # whatever lies in memory
        # Training and evaluation read 8 bits by another way.
        eight = np.asarray(to_srgb(open_image(io.BytesIO(data)))).astype(int)
        if alpha is None:
            assert np.abs(eight * (257 if depth == 16 else 1) - color).max() <= 128, layout


def test_libtiff_reads_the_same_planes():
    planes = RANDOM.integers(0, 65536, (3, HEIGHT, WIDTH)).astype(np.uint16)
    data = tiff(planes, photometric="rgb", planarconfig="separate", rowsperstrip=8)
    assert np.array_equal(read(data).pixels, np.moveaxis(imagecodecs.tiff_decode(data), 0, 2))


def test_planes_of_a_file_made_by_hand_and_bits_from_the_other_end():
    planes = RANDOM.integers(0, 65536, (3, 2, 5)).astype("<u2")
    entries = [
        (256, 3, 1, 5), (257, 3, 1, 2), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 2),
        (266, 3, 1, 2), (273, 4, 3, 200), (277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 3, 212),
        (284, 3, 1, 2),
    ]  # fmt: skip
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    places = struct.pack("<6I", 224, 244, 264, 20, 20, 20)
    backwards = bytes(int(f"{byte:08b}"[::-1], 2) for byte in planes.tobytes())
    data = head.ljust(200, b"\0") + places + backwards
    assert np.array_equal(read(data).pixels, np.moveaxis(planes, 0, 2))


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_pixels_that_are_missing_are_refused(planar: str, packed: str):
    data, _, _ = written(KINDS[5], 16, planar, None, packed, "<", False)
    assert read(data)
    place = data.index(struct.pack("<H", 279)) + 8  # StripByteCounts, at its place
    if int.from_bytes(data[place - 4 : place], "little") > 1:
        place = int.from_bytes(data[place : place + 4], "little")
    short = data[:place] + struct.pack("<H", 9) + data[place + 2 :]
    with pytest.raises(BadImageError, match=r"truncated|decompressed"):
        read(short)
    with pytest.raises(BadImageError):
        open_image(io.BytesIO(short))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"photometric": "separated"}, "16 bits a sample, 4 samples, separated"),
        ({"photometric": "rgb", "compression": "jpeg2000"}, "jpeg2000, expected unsigned gray"),
    ],
)
def test_other_layouts_are_refused_by_name(options: dict, message: str):
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
    with pytest.raises(BadImageError, match=message):
        read(tiff(values[..., : 4 if "separated" in options.values() else 3], **options))
    with pytest.raises(BadImageError, match="not unsigned"):
        read(tiff(values[..., 0].astype(np.int16), photometric="minisblack"))


def test_orientation_and_smaller_pages_at_16_bits():
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    turned = tiff(values, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(read(turned).pixels, np.rot90(values, -1))
    eight = tiff((values // 257).astype(np.uint8), photometric="rgb", subfiletype=1)
    assert read(eight).size == (WIDTH, HEIGHT)  # the only page, whatever it says


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "samples"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("keyed", [False, True])
def test_pngs_of_16_bits(interlaced: bool, kind: int, samples: int, keyed: bool):
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, samples)).astype(np.uint16)
    values[:4] = values[0, 0]
    values[2:4, :, 0] ^= 1  # as good as the same at 8 bits
    alpha = values[..., -1] if samples in (2, 4) else None
    keyed &= alpha is None
    chunks = [chunk(b"tRNS", values[0, 0].astype(">u2").tobytes())] if keyed else []
    if keyed:
        alpha = np.where((values == values[0, 0]).all(axis=2), 0, 65535)
    found = read(png_16(values, kind, interlaced, *chunks))
    color = values[..., :3] if samples > 2 else np.repeat(values[..., :1], 3, axis=2)
    assert np.array_equal(found.pixels, color)
    assert (found.alpha is None) == (alpha is None)
    assert alpha is None or np.array_equal(found.alpha, alpha)


def test_a_smaller_page_that_comes_first_is_not_the_photo():
    small, large = (Image.new("RGB", size, "red") for size in ((4, 3), (16, 12)))
    data = bytearray(file_bytes(small, "TIFF", save_all=True, append_images=[large],
                                tiffinfo={254: 1}))  # fmt: skip
    second = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[second : second + 2], "little")
    second = int.from_bytes(data[second + 2 + 12 * count :][:4], "little")
    at = data.index(struct.pack("<H", 254), second)
    data[at + 8] = 0
    assert read(bytes(data)).size == (16, 12)


def test_the_documented_table_is_what_is_found():
    """By one compression; the command takes them all."""
    documented = (REPOSITORY / "docs" / "formats.md").read_text()
    assert layout_table.table(["lzw"]) in documented


def test_a_table_tells_what_is_read_wrong(monkeypatch):
    def off_by_one(data: bytes):
        found = read(data)
        found.pixels[-1, -1, -1] ^= 1
        return found

    monkeypatch.setattr(layout_table, "read", off_by_one)
    rows = layout_table.table(["none"]).splitlines()
    verdicts = [line for line in rows if line.startswith("| ") and "right" in line]
    assert not verdicts
    assert sum("WRONG" in line for line in rows) > 20
