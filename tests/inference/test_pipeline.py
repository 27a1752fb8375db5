"""Photo in, photo out."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from skimage.color import rgb2lab

from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.encode import save
from gan_color.inference import recombine
from gan_color.inference.pipeline import ColorizationPipeline, colorize_image, colorize_photo
from tests.helpers.tint import Tint


def lightness(image: Image.Image) -> np.ndarray:
    return rgb2lab(np.asarray(image.convert("RGB")) / 255.0)[..., 0]


def test_lightness_is_the_photos_and_chroma_the_models(coffee: Image.Image):
    out = colorize_image(Tint(), coffee)
    assert out.size == coffee.size
    lab = rgb2lab(np.asarray(out) / 255.0)
    inside = (lightness(coffee) > 30) & (lightness(coffee) < 80)  # there the tint is in gamut
    assert np.abs(lightness(out) - lightness(coffee))[inside].max() < 0.6  # rounding to 8 bit
    assert np.abs(lab[inside][:, 1:].mean(axis=0) - [11, -11]).max() < 0.5


def test_zero_chroma_gives_a_gray_photo(coffee: Image.Image):
    out = np.asarray(colorize_image(Tint(0.0, 0.0), coffee)).astype(int)
    assert np.ptp(out, axis=2).max() == 0


def test_the_model_sees_the_render_size_with_the_aspect_kept(coffee: Image.Image):
    model = Tint()
    colorize_image(model, coffee, 128)
    height, width = model.seen[0].shape[-2:]
    assert height == 128
    assert width == -(-round(coffee.width * 128 / coffee.height) // 16) * 16
    small = Tint()
    colorize_image(small, coffee.resize((60, 50)), 256)
    assert small.seen[0].shape[-2:] == (64, 64)  # not enlarged, padded to the stride


def test_strips_do_not_show(coffee: Image.Image, monkeypatch):
    whole = np.asarray(colorize_image(Tint(), coffee))
    monkeypatch.setattr(recombine, "STRIP_ROWS", 7)
    assert np.array_equal(np.asarray(colorize_image(Tint(), coffee)), whole)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 31)])
def test_any_size_is_colorized(size: tuple[int, int]):
    assert colorize_image(Tint(), Image.new("L", size, 128)).size == size


@pytest.mark.parametrize("render", [0, 31, 5000])
def test_a_render_size_out_of_range_is_refused(render: int, coffee: Image.Image):
    with pytest.raises(GanColorError, match=f"render: found {render}, expected 32 to 4096"):
        colorize_image(Tint(), coffee, render)


def test_transparency_is_kept(coffee: Image.Image):
    image = coffee.convert("RGBA")
    alpha = Image.linear_gradient("L").resize(coffee.size)
    image.putalpha(alpha)
    out = colorize_image(Tint(), image)
    assert out.mode == "RGBA"
    assert np.array_equal(np.asarray(out.getchannel("A")), np.asarray(alpha))
    opaque = np.asarray(colorize_image(Tint(), coffee))
    assert np.array_equal(np.asarray(out.convert("RGB")), opaque)


def test_orientation_is_applied_and_metadata_kept(tmp_path: Path, coffee: Image.Image):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "my grandmother"
    coffee.save(tmp_path / "in.jpg", exif=exif, dpi=(300, 300))
    target = tmp_path / "out" / "out.jpg"
    save(colorize_photo(Tint(), read(tmp_path / "in.jpg")), target)
    out = Image.open(target)
    assert out.size == coffee.size[::-1]
    assert out.getexif()[0x010E] == "my grandmother"
    assert 0x0112 not in out.getexif()
    assert out.info["dpi"] == (300, 300)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(out.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_every_format_is_written_whole(suffix: str, tmp_path: Path, coffee: Image.Image):
    path = tmp_path / f"x{suffix}"
    save(read(coffee), path)
    assert Image.open(path).convert("RGB").size == coffee.size
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_unknown_format_is_refused(tmp_path: Path, coffee: Image.Image):
    with pytest.raises(GanColorError, match=r"found the suffix '\.xyz'"):
        save(read(coffee), tmp_path / "x.xyz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, coffee: Image.Image, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"precious")

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save(read(coffee), path)
    assert path.read_bytes() == b"precious"


def test_python_users_get_photos_from_paths_and_images(tmp_path: Path, coffee: Image.Image):
    coffee.save(tmp_path / "x.png")
    pipeline = ColorizationPipeline(Tint())
    from_path = pipeline.colorize(tmp_path / "x.png")
    assert np.array_equal(np.asarray(from_path), np.asarray(pipeline.colorize(coffee)))
    with pytest.raises(GanColorError):
        pipeline.colorize(tmp_path / "missing.png")


class Faded(Tint):
    """The same chroma everywhere, through a convolution that pads with zeros."""

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(super().forward(L), 3, 1, 1)


def test_the_outermost_pixels_are_no_grayer_than_the_rest():
    out = np.asarray(colorize_image(Faded(), Image.new("L", (96, 64), 140)))
    chroma = np.linalg.norm(rgb2lab(out / 255.0)[..., 1:], axis=-1)
    assert chroma.min() > 10
    assert np.ptp(chroma) < 1.5  # rounding to 8 bits


def test_python_users_give_what_they_have(tmp_path: Path, coffee: Image.Image):
    pipeline, path = ColorizationPipeline(Tint()), tmp_path / "x.png"
    coffee.resize((60, 40)).save(path)
    expected = np.asarray(pipeline.colorize(path))
    with path.open("rb") as file:
        assert np.array_equal(np.asarray(pipeline.colorize(file)), expected)
    buffer = io.BytesIO(path.read_bytes())
    assert np.array_equal(np.asarray(pipeline.colorize(buffer)), expected)
    eight = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1)
    found = pipeline.colorize(eight)
    assert found.dtype == torch.uint8
    assert np.array_equal(found.permute(1, 2, 0).numpy(), expected)
    share = pipeline.colorize(eight.float() / 255)
    assert share.dtype == torch.float32
    assert (share * 255 - found).abs().max() < 0.51
    gray = pipeline.colorize(torch.full((1, 4, 6), 0.5, dtype=torch.float64))
    assert (gray.shape, gray.dtype) == ((3, 4, 6), torch.float64)
    for wrong, message in (
        (torch.zeros(2, 4, 4), "expected \\[C, H, W\\] with 1, 3 or 4"),
        (torch.full((3, 4, 4), 2.0), "outside of 0..1"),
        (torch.full((3, 4, 4), float("nan")), "outside of 0..1"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "expected uint8 or floating"),
        (io.StringIO("text"), "opened as text"),
    ):
        with pytest.raises(GanColorError, match=message):
            pipeline.colorize(wrong)
