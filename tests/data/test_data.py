"""Folders in, reproducible crops out."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from gan_color.config.data import DataConfig
from gan_color.config.stages import AugmentConfig
from gan_color.data import index, samples
from gan_color.data.augment import OrthochromaticFilm, pixels_needed
from gan_color.data.dataset import CropDataset
from gan_color.data.index import ImageFile, ScanCache, scan
from gan_color.data.loaders import KeySampler, training_loader
from gan_color.data.split import split_by_digest
from gan_color.errors import GanColorError
from gan_color.images import open as opening
from gan_color.images.resize import evaluation_crop
from tests.helpers.image_files import spoil


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of colorize images, one gray image, and what is no image."""
    generator = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for i in range(3):
            pixels = generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"a{i}_{label}.png")
    root = tmp_path / "set"
    Image.new("RGB", (40, 40), (90, 90, 90)).save(root / "dogs" / "gray_1.png")
    whole = (root / "cats" / "a0_cats.png").read_bytes()
    (root / "cats" / "cut_0.png").write_bytes(whole[: len(whole) // 2])
    (root / "cats" / "text_0.jpg").write_text("no image")
    (root / "notes.txt").write_text("left alone")
    return root


def index_of(folder: Path, cache: ScanCache | None = None, **options: object) -> index.Index:
    data = DataConfig(folders=(folder,), **options)
    return scan(data.folders, data, cache or ScanCache(None))


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


def crops(folder: Path, workers: int, epoch: int = 0, degrade: float = 0.0) -> list[torch.Tensor]:
    files = [f for f in index_of(folder).files if not f.gray]
    dataset = CropDataset(
        files, 16, AugmentConfig(brightness=0.2, contrast=0.2, degradation=degrade)
    )
    sampler = KeySampler(np.full(len(files), 1 / len(files)), 3, 4, (5, 0))
    sampler.set_epoch(epoch)
    loader = training_loader(dataset, sampler, workers, pin_memory=False)
    return [
        torch.cat([part.flatten(1).float() for part in parts if part.ndim == 4], 1)
        for parts in loader
    ]


def test_crops_are_the_same_whatever_the_number_of_workers(folder: Path):
    alone, two = crops(folder, 0), crops(folder, 2)
    assert all(torch.equal(a, b) for a, b in zip(alone, two, strict=True))
    other = crops(folder, 0, epoch=1)
    assert not all(torch.equal(a, b) for a, b in zip(alone, other, strict=True))


def test_degradation_changes_lightness_only_and_is_reproducible(folder: Path):
    file = index_of(folder).files[0]
    clean = CropDataset([file], 32, AugmentConfig())[0, 7]
    first = CropDataset([file], 32, AugmentConfig(degradation=1.0))[0, 7]
    again = CropDataset([file], 32, AugmentConfig(degradation=1.0))[0, 7]
    assert len(clean) == 2
    assert torch.equal(first[0], clean[0])
    assert torch.equal(first[2], again[2])
    assert not torch.equal(first[2], first[0])


TRANSFORMS = (
    {"__class_fullname__": "RandomGridShuffle", "grid": [4, 4], "p": 1.0},
    {"__class_fullname__": "HueSaturationValue", "hue_shift_limit": 40, "p": 1.0},
    {"__class_fullname__": "GaussNoise", "p": 0.5},
)


@pytest.mark.parametrize("workers", [0, 2])
def test_transforms_follow_the_seed_of_the_item(folder: Path, workers: int):
    files = index_of(folder).files
    dataset, again = (CropDataset(files, 16, AugmentConfig(transforms=TRANSFORMS)) for _ in "ab")
    sampler = KeySampler(np.full(len(files), 1 / len(files)), 3, 4, (5, 0))
    keys = [key for batch in sampler for key in batch]
    batches = training_loader(dataset, sampler, workers, pin_memory=False)
    crops = [crop for batch, *_ in batches for crop in batch]
    for key, crop in reversed(list(zip(keys, crops, strict=True))):
        assert torch.equal(again[key][0], crop)
    index, seed = keys[0]
    assert not torch.equal(again[index, seed + 1][0], crops[0])


def test_transforms_reach_the_input_and_the_truth_alike(tmp_path: Path):
    """The input is the truth's own image, turned and tinted with it; aging comes after."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = (200, 180, 40)
    pixels[16:] = (20, 40, 90)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    file = index_of(tmp_path).files[0]
    fixed = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "flip": 0.0}
    plain = CropDataset([file], 32, AugmentConfig(**fixed))[0, 7][0]
    upside_down = {"__class_fullname__": "VerticalFlip", "p": 1.0}
    inverted = {"__class_fullname__": "InvertImg", "p": 1.0}
    augment = AugmentConfig(**fixed, transforms=(upside_down, inverted), degradation=1.0)
    clean, _, aged = CropDataset([file], 32, augment)[0, 7]
    assert torch.equal(clean, 255 - plain.flip(1))
    assert clean[:, :16].float().mean() > clean[:, 16:].float().mean() + 50
    assert aged[:, :16].float().mean() > aged[:, 16:].float().mean() + 20


def test_old_film_sees_red_as_dark_and_blue_as_bright():
    film = OrthochromaticFilm(p=1.0)
    film.set_random_seed(3)
    patches = np.array([[[200, 0, 0], [0, 0, 200], [90, 90, 90]]], np.uint8)
    red, blue, gray = film(image=patches)["image"][0]
    assert red[0] < 0.7 * (0.299 * 200) < blue[0]  # luma of that blue is 23
    assert list(gray) == [90, 90, 90]
    assert red[0] == red[1] == red[2]


def test_rotation_turns_crops_reproducibly(folder: Path):
    files = index_of(folder).files
    plain, turned = (
        CropDataset(files, 32, AugmentConfig(flip=0, rotate=degrees)) for degrees in (0, 45)
    )
    assert torch.equal(turned[(0, 1)][0], turned[(0, 1)][0])
    assert not torch.equal(turned[(0, 1)][0], plain[(0, 1)][0])


def test_a_large_jpeg_is_decoded_reduced_where_no_crop_misses_the_pixels(tmp_path: Path):
    path = tmp_path / "x.jpg"
    Image.open(samples.photographs()["china"]).resize((1600, 1200)).save(path, quality=95)
    augment = AugmentConfig(scale=(0.5, 1.0), ratio=(0.8, 1.25), flip=0)
    enough = pixels_needed(64, augment)
    assert 64 / np.sqrt(0.5 * 0.8) == pytest.approx(enough, abs=1)
    assert opening.read_rgb(path, enough).shape == (150, 200, 3)
    assert opening.read_rgb(path, 151).shape == (300, 400, 3)
    assert opening.read_rgb(path, 2000).shape == opening.read_rgb(path).shape == (1200, 1600, 3)
    dataset = CropDataset([ImageFile(path, "", False)], 64, augment)
    fast = [dataset[0, seed][0].float() for seed in range(4)]
    dataset.enough = 2000
    for seed, crop in enumerate(fast):
        assert (crop - dataset[0, seed][0]).abs().mean() < 6  # other boxes differ by tens


def test_items_are_uint8_rgb(folder: Path):
    crop, label = CropDataset(index_of(folder).files, 24, AugmentConfig())[0, 1]
    assert crop.dtype == torch.uint8
    assert crop.shape == (3, 24, 24)
    assert label.dtype == torch.int64


def test_the_evaluation_crop_is_the_center(tmp_path: Path):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, 16:48] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert torch.all(evaluation_crop(tmp_path / "x.png", 32) == 255)


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


def test_a_file_that_vanishes_during_a_run_is_named_in_one_line(folder: Path):
    file = next(f for f in index_of(folder).files if f.path.name == "a0_cats.png")
    file.path.unlink()
    dataset = CropDataset([file], 16, AugmentConfig())
    for workers in (0, 1):
        loader = training_loader(dataset, KeySampler(np.ones(1), 1, 1, (0,)), workers, False)
        with pytest.raises(GanColorError) as caught:
            next(iter(loader))
        assert str(caught.value) == (
            f"data: {file.path} could be read when the run began, and cannot now: no such file; "
            "put it back and --resume"
        )
    with pytest.raises(opening.BadImageError, match=r"a0_cats\.png: no such file"):
        evaluation_crop(file.path, 32)
