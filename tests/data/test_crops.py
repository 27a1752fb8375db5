"""Reproducible crops out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_color.config.stages import AugmentConfig
from gan_color.data import samples
from gan_color.data.augment import OrthochromaticFilm, pixels_needed
from gan_color.data.dataset import CropDataset
from gan_color.data.index import ImageFile
from gan_color.data.loaders import KeySampler, training_loader
from gan_color.errors import GanColorError
from gan_color.images import open as opening
from gan_color.images.resize import evaluation_crop
from tests.helpers.scanning import index_of


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
