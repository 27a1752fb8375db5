"""Real files of every format become photos in sRGB, or are refused."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps
from skimage.color import rgb2lab

from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.encode import encode
from gan_color.images.open import BadImageError
from gan_color.images.photo import Photo
from gan_color.inference.pipeline import ColorizeOptions, colorize_photo
from tests.helpers.image_files import DEEP, GRAY, HALF, animation, file_bytes, png_16, tiff
from tests.helpers.tint import Tint


def profile_named(name: str) -> bytes:
    """Adobe RGB or Display P3, built from its published primaries."""
    primaries, gamma = {
        "adobe": ([0.64, 0.33, 0.21, 0.71, 0.15, 0.06], 2.19921875),
        "p3": ([0.68, 0.32, 0.265, 0.69, 0.15, 0.06], 2.2),
    }[name]
    return bytes(
        imagecodecs.cms_profile(
            "rgb",
            whitepoint=[0.3127, 0.329, 1.0],
            primaries=[x for i in range(0, 6, 2) for x in (*primaries[i : i + 2], 1.0)],
            gamma=gamma,
        )
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_the_pixels(orientation: int, coffee: Image.Image):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for image in (coffee.resize((60, 40)), Image.fromarray(GRAY)):
        data = file_bytes(image, "PNG", exif=exif)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        found = read(data)
        assert found.size == upright.size
        first = found.pixels if image.mode == "RGB" else found.pixels[..., 0]
        assert np.array_equal(first, np.asarray(upright))
        again = Image.open(io.BytesIO(encode(found, "PNG")))
        assert ExifTags.Base.Orientation not in again.getexif()


@pytest.mark.parametrize(
    ("data", "expected", "alpha"),
    [
        (png_16(DEEP[..., ::-1]), DEEP, None),
        (png_16(GRAY), GRAY, None),
        (png_16(np.dstack([DEEP[..., ::-1], HALF])), DEEP, HALF),
        (tiff(DEEP, photometric="rgb"), DEEP, None),
        (tiff(DEEP, photometric="rgb", byteorder=">", compression="lzw"), DEEP, None),
        (tiff(GRAY, photometric="minisblack"), GRAY, None),
        (tiff(65535 - GRAY, photometric="miniswhite"), GRAY, None),
        (
            tiff(np.dstack([DEEP, HALF]), photometric="rgb", extrasamples=["unassalpha"]),
            DEEP,
            HALF,
        ),
    ],
    ids=[
        "png-rgb",
        "png-gray",
        "png-rgba",
        "tiff-rgb",
        "tiff-lzw",
        "tiff-gray",
        "tiff-white",
        "tiff-rgba",
    ],
)
def test_16_bits_stay_16_bits(data: bytes, expected: np.ndarray, alpha: np.ndarray | None):
    found = read(data)
    assert found.pixels.dtype == np.uint16
    assert np.array_equal(
        found.pixels,
        np.broadcast_to(expected.T, (3, 64, 48)[:3]).T if expected.ndim == 2 else expected,
    )
    assert (found.alpha is None) == (alpha is None)
    colorized = colorize_photo(Tint(0.05, 0.02), found)
    again = read(encode(colorized, found.format))
    assert again.format == found.format
    assert np.array_equal(again.pixels, colorized.pixels)
    if alpha is not None:
        assert np.array_equal(again.alpha, alpha)
    before, after = (rgb2lab(p.pixels / 65535)[..., 0] for p in (found, again))
    assert np.abs(before - after).max() < 0.01  # 8 bits would be off by 0.2


def test_every_lightness_comes_out_as_it_went_in_whatever_the_chroma():
    ramp = Photo(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))
    before = rgb2lab(ramp.pixels)[..., 0]
    for a, b in ((0.9, 0.9), (-0.9, 0.5), (0.1, -1.0), (0.0, 0.0)):
        out = colorize_photo(Tint(a, b), ramp)
        assert np.abs(rgb2lab(out.pixels)[..., 0] - before).max() < 0.45
    deep = Photo(ramp.pixels.astype(np.uint16) * 257)
    out = colorize_photo(Tint(0.9, 0.9), deep)
    assert np.abs(rgb2lab(out.pixels / 65535)[..., 0] - before).max() < 0.002


@pytest.mark.parametrize("name", ["adobe", "p3"])
def test_profiles_are_converted_alike_at_8_and_16_bits(name: str, coffee: Image.Image):
    small, profile = coffee.resize((60, 40)), profile_named(name)
    eight = read(file_bytes(small, "PNG", icc_profile=profile))
    reference = ImageCms.profileToProfile(
        small, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    )
    assert np.array_equal(eight.pixels, np.asarray(reference))
    assert np.abs(eight.pixels.astype(int) - np.asarray(small)).max() > 10
    deep = np.asarray(small).astype(np.uint16) * 257
    sixteen = read(tiff(deep, photometric="rgb", iccprofile=profile))
    assert np.abs(sixteen.pixels / 257 - eight.pixels).max() < 1.0
    written = Image.open(io.BytesIO(encode(eight, "PNG")))
    srgb = ImageCms.ImageCmsProfile(io.BytesIO(written.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(srgb)


def named(profile: bytes, name: str) -> bytes:
    """The profile with another description, as long as the one it has."""
    old = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    new = (name * len(old))[: len(old)]
    return profile.replace(old.encode("utf-16-be"), new.encode("utf-16-be")).replace(
        old.encode(), new.encode()
    )


def test_profiles_are_known_by_what_they_do(coffee: Image.Image):
    small = coffee.resize((60, 40))
    deep = np.asarray(small).astype(np.uint16) * 257
    adobe = profile_named("adobe")
    liar = named(adobe, "sRGB ")
    said = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(liar)))
    assert "sRGB" in said
    for way in (lambda p: file_bytes(small, "PNG", icc_profile=p),
                lambda p: tiff(deep, photometric="rgb", iccprofile=p)):  # fmt: skip
        assert np.array_equal(read(way(liar)).pixels, read(way(adobe)).pixels)
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert np.array_equal(read(way(named(srgb, "Kodak"))).pixels, read(way(None)).pixels)
        with pytest.warns(UserWarning, match="color profile is damaged: sRGB is taken"):
            broken = read(way(adobe[:200]))
        assert np.array_equal(broken.pixels, read(way(None)).pixels)


def test_cmyk_palette_gray_and_one_bit_become_srgb(coffee: Image.Image):
    small = coffee.resize((60, 40))
    truth = np.asarray(small).astype(int)
    cmyk = read(file_bytes(small.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk.pixels - truth).mean() < 4
    assert encode(colorize_photo(Tint(), cmyk), cmyk.format)[:2] == b"\xff\xd8"
    palette = small.quantize(256)
    assert np.array_equal(
        read(file_bytes(palette, "GIF")).pixels, np.asarray(palette.convert("RGB"))
    )
    transparent = read(file_bytes(palette, "PNG", transparency=palette.getpixel((0, 0))))
    assert transparent.alpha is not None
    assert transparent.alpha[0, 0] == 0
    assert set(np.unique(read(file_bytes(small.convert("1"), "PNG")).pixels)) == {0, 255}
    lab = ImageCms.profileToProfile(
        small, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert np.abs(read(file_bytes(lab, "TIFF")).pixels - truth).mean() < 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (animation("GIF"), "an animation of 3 frames"),
        (animation("WEBP"), "an animation of 3 frames"),
        (animation("PNG"), "an animation of 3 frames"),
        (animation("TIFF"), "3 pages, expected one"),
        (file_bytes(Image.new("F", (4, 4)), "TIFF"), "32 bits a pixel"),
        (png_16(DEEP)[:2000], "truncated|unrecognized data stream|broken|incomplete"),
        (b"no photo", "not an image in a known format"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 64, "."),
        (np.zeros((4, 4), np.float32), "expected .* uint8 or uint16"),
        (np.zeros((4, 4, 2), np.uint8), "expected 1, 3 or 4 channels"),
    ],
    ids=["gif", "webp", "apng", "tiff", "float", "cut", "text", "heic", "floats", "two"],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(data, message: str):
    with pytest.raises(BadImageError, match=message):
        read(data)


def test_a_tiff_with_a_thumbnail_and_a_photo_with_a_second_view_are_one_photo():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(DEEP, photometric="rgb")
        file.write(DEEP[::4, ::4], photometric="rgb", subfiletype=1)
    assert np.array_equal(read(buffer.getvalue()).pixels, DEEP)
    assert read(animation("MPO")).size == (8, 8)


def test_a_photo_is_refused_by_its_header(coffee: Image.Image):
    data = file_bytes(coffee, "PNG")
    with pytest.raises(BadImageError, match=r"600 x 400 pixels, at most 1,000"):
        read(data[:100], pixel_limit=1000)  # the pixels are not even there


def test_damaged_exif_does_not_cost_the_photo(coffee: Image.Image):
    broken = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 9999)
    with pytest.warns(UserWarning, match="damaged|Corrupt|EXIF"):
        found = read(file_bytes(coffee.resize((60, 40)), "JPEG", exif=broken))
    assert found.size == (60, 40)


def test_options_are_checked():
    for options, message in (
        ({"render": 31}, "render: found 31"),
        ({"tta_sizes": (9,)}, "tta_sizes: found 9"),
        ({"saturation": -1}, "saturation"),
        ({"strength": 1.1}, "strength: found 1.1"),
        ({"precision": "int8"}, "precision: found 'int8'"),
    ):
        with pytest.raises(GanColorError, match=message):
            ColorizeOptions(**options)
