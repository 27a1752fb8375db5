"""Folders in: what is found, read and left alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from gan_color.data import index, samples
from gan_color.data.index import ScanCache
from gan_color.data.split import split_by_digest
from gan_color.errors import GanColorError
from gan_color.images import open as opening
from tests.helpers.image_files import spoil
from tests.helpers.scanning import index_of


def test_a_scan_finds_good_gray_and_bad_files_and_classes(folder: Path):
    index = index_of(folder)
    assert len(index.files) == 7
    assert index.classes == ["cats", "dogs"]
    assert [f.path.name for f in index.files if f.gray] == ["gray_1.png"]
    assert sorted(path.name for path, _ in index.bad) == ["cut_0.png", "text_0.jpg"]
    assert all(reason for _, reason in index.bad)
    assert {f.label for f in index.files if f.path.parent.name == "dogs"} == {1}


def test_images_outside_class_folders_have_no_label(tmp_path: Path):
    Image.new("RGB", (30, 30), (200, 20, 20)).save(tmp_path / "x.png")
    assert [f.label for f in index_of(tmp_path).files] == [-1]


def test_a_folder_that_is_missing_or_empty_is_named(tmp_path: Path):
    with pytest.raises(GanColorError, match="found no folder"):
        index_of(tmp_path / "missing")
    with pytest.raises(GanColorError, match="found no images"):
        index_of(tmp_path)


def test_a_second_scan_reads_no_image_again(folder: Path, tmp_path: Path, monkeypatch):
    path = tmp_path / "scan" / "files.jsonl"
    first = index_of(folder, ScanCache(path))
    with path.open("a") as file:
        file.write('\n{"key": "half a li')  # what a killed run leaves
    for bad, _ in first.bad:  # these are tried again
        bad.unlink()
    monkeypatch.setattr(index, "_examine", lambda path: pytest.fail(f"read {path} again"))
    assert index_of(folder, ScanCache(path)).files == first.files


def test_a_changed_file_is_examined_again(folder: Path, tmp_path: Path):
    path = tmp_path / "scan.jsonl"
    index_of(folder, ScanCache(path))
    Image.new("RGB", (64, 64), (10, 10, 10)).save(folder / "cats" / "a0_cats.png")
    changed = index_of(folder, ScanCache(path))
    assert sum(f.gray for f in changed.files) == 2


def test_copies_fall_into_the_same_split(folder: Path):
    for i in range(30):
        Image.new("RGB", (30, 30), (i * 8, 200, 10)).save(folder / "cats" / f"b_{i}.png")
    shutil.copytree(folder / "cats", folder / "copies")
    train, valid = split_by_digest(index_of(folder).files, 0.3)
    assert train
    assert valid
    assert not {f.digest for f in train} & {f.digest for f in valid}


def test_the_source_is_the_folder_or_a_part_of_the_name(folder: Path):
    assert {f.source for f in index_of(folder).files} == {"set"}
    named = index_of(folder, source_pattern="^([a-z]+)[0-9]*_")
    assert {f.source for f in named.files} == {"a", "gray"}
    with pytest.raises(GanColorError, match="does not match the file name"):
        index_of(folder, source_pattern="^(zzz)")


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "CMYK", "I;16", "1"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path):
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    if mode == "I;16":
        Image.fromarray(np.full((20, 20), 32896, dtype=np.uint16)).save(path)
    else:
        Image.new("RGB", (20, 20), (128, 128, 128)).convert(mode).save(path)
    pixels = opening.read_rgb(path)
    assert pixels.shape == (20, 20, 3)
    if mode not in ("1", "CMYK"):
        assert abs(int(pixels.mean()) - 128) <= 1


def test_orientation_is_honoured(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), (200, 0, 0)).save(tmp_path / "x.jpg", exif=exif)
    assert opening.read_rgb(tmp_path / "x.jpg").shape == (40, 20, 3)


def test_a_color_profile_is_converted(tmp_path: Path):
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    image.save(tmp_path / "srgb.png", icc_profile=lab_like.tobytes())
    assert np.array_equal(opening.read_rgb(tmp_path / "srgb.png"), np.array(image))
    image.save(tmp_path / "bad.png", icc_profile=b"nonsense")
    # A damaged one costs no photograph: sRGB is taken.
    assert np.array_equal(opening.read_rgb(tmp_path / "bad.png"), np.array(image))


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch):
    Image.new("RGB", (200, 200)).save(tmp_path / "x.png")
    monkeypatch.setattr(opening, "PIXEL_LIMIT", 10_000)
    with pytest.raises(opening.BadImageError, match="200 x 200 pixels"):
        opening.open_image(tmp_path / "x.png")


def test_samples_hold_one_photograph_out(sample_folders: tuple[Path, Path]):
    train, valid = sample_folders
    assert {p.stem.rsplit("_", 1)[0] for p in train.iterdir()} == set(samples.photographs())
    assert {p.stem.rsplit("_", 1)[0] for p in valid.iterdir()} == {"coffee"}
    assert samples.build(train.parent) == sample_folders


def test_what_is_no_readable_photo_is_listed_and_the_rest_is_found(tmp_path: Path):
    Image.new("RGB", (40, 40), (200, 20, 20)).save(tmp_path / "good.png")
    bad = spoil(tmp_path)
    found = index_of(tmp_path, ScanCache(tmp_path / ".scan" / "files.jsonl"))
    assert [file.path.name for file in found.files] == ["good.png"]
    assert [path.name for path, _ in found.bad] == bad


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path: Path, monkeypatch):
    """Its permissions may have changed, or pillow-heif may have come."""
    cache = tmp_path / ".scan" / "files.jsonl"
    Image.new("RGB", (40, 40), (200, 20, 20)).save(tmp_path / "x.png")
    with monkeypatch.context() as patch:
        patch.setattr(index, "_examine", lambda path: {"bad": "needs pillow-heif"})
        assert index_of(tmp_path, ScanCache(cache)).bad
    found = index_of(tmp_path, ScanCache(cache))
    assert (len(found.files), found.bad) == (1, [])
    # Nor is what versions before this one wrote down held against it.
    cache.write_text(json.dumps({"key": ScanCache.key(tmp_path / "x.png"), "bad": "no DDS"}))
    assert len(index_of(tmp_path, ScanCache(cache)).files) == 1
