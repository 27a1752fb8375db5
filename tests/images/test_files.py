"""Which files of a folder are images, and what becomes of those that cannot be read."""

import os
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from gan_color.images.decode import read
from gan_color.images.files import find_images
from gan_color.images.open import BadImageError, open_image, read_rgb
from tests.helpers.image_files import animation, file_bytes, spoil

PHOTO = file_bytes(Image.new("RGB", (40, 30), (200, 30, 30)), "JPEG")


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder)]


def test_every_suffix_of_jpeg_is_an_image_in_any_case(tmp_path: Path):
    found = ("a.jfif", "b.JPE", "c.Jpeg", "d.JFIF", "e.jpg")
    for name in found:
        (tmp_path / name).write_bytes(PHOTO)
    assert names(tmp_path) == list(found)
    assert read_rgb(tmp_path / "a.jfif").shape == (30, 40, 3)


def test_without_a_suffix_the_content_decides(tmp_path: Path):
    for kind in ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"):
        image = Image.new("RGB", (40, 30), (200, 30, 30))
        (tmp_path / f"photo_{kind.lower()}").write_bytes(file_bytes(image, kind))
    (tmp_path / "two_views").write_bytes(animation("MPO"))
    photos = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / "README").write_text("no image")
    (tmp_path / "icon").write_bytes(file_bytes(Image.new("RGB", (32, 32)), "ICO"))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".hidden").write_bytes(PHOTO)
    (tmp_path / "photo.txt").write_bytes(PHOTO)
    assert names(tmp_path) == photos


def test_a_folder_that_is_called_like_an_image_is_a_folder(tmp_path: Path):
    (tmp_path / "trip.jpg").mkdir()
    (tmp_path / "trip.jpg" / "a.jpg").write_bytes(PHOTO)
    assert names(tmp_path) == ["trip.jpg/a.jpg"]


@pytest.mark.parametrize("reader", [read, read_rgb, open_image])
def test_what_cannot_be_read_is_a_bad_image_with_a_sentence(reader, tmp_path: Path):
    for name in [*spoil(tmp_path), "missing.jpg"]:
        with pytest.raises(BadImageError) as caught:
            reader(tmp_path / name)
        assert str(caught.value).strip(), name
        assert "\n" not in str(caught.value)


def test_the_sentence_says_what_is_there(tmp_path: Path):
    spoil(tmp_path)
    for name, message in (
        ("dead.jpg", "a link to no file"),
        ("pipe.png", "a pipe or a device, expected a file"),
        ("missing.jpg", "no such file"),
        ("dds.jpg", r"not an image in a known format \(JPEG, MPO, PNG"),
        ("empty.png", "not an image in a known format"),
    ):
        with pytest.raises(BadImageError, match=message):
            open_image(tmp_path / name)


@pytest.mark.parametrize(
    "error",
    [AssertionError, AttributeError, EOFError, IndexError, KeyError, MemoryError, OSError,
     OverflowError, RecursionError, RuntimeError, SyntaxError, TypeError, ZeroDivisionError,
     zlib.error],
)  # fmt: skip
def test_whatever_a_decoder_raises_is_a_bad_image(error, tmp_path: Path, monkeypatch):
    (tmp_path / "x.jpg").write_bytes(PHOTO)

    def load(self: ImageFile.ImageFile) -> None:
        raise error("spoiled")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    for reader in (read, read_rgb):
        with pytest.raises(BadImageError, match=r"spoiled|memory"):
            reader(tmp_path / "x.jpg")
