"""Real inputs with their colors: paired by name, cut alike, refused where they do not fit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_color.color.lab import from_rgb8
from gan_color.config.data import DataConfig
from gan_color.config.schema import Config
from gan_color.config.stages import AugmentConfig
from gan_color.data.dataset import CropDataset
from gan_color.data.prepare import find_data
from gan_color.errors import GanColorError
from gan_color.models.base import Batch
from gan_color.training.amp import Precision
from gan_color.training.trainer import train
from gan_color.training.validator import Validator, validation_set
from tests.helpers.tint import Tint


def write(path: Path, pixels: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Nine pairs in two classes: the input is the color photo's negative."""
    generator = np.random.default_rng(0)
    for i in range(9):
        pixels = generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        name = f"{'cats' if i % 2 else 'dogs'}/p{i}"
        write(tmp_path / "color" / f"{name}.png", pixels)
        write(tmp_path / "infrared" / f"{name}.bmp", 255 - pixels)
    return tmp_path


def paired(tiny: Config, pairs: Path, **data: object) -> Config:
    where = {"input": pairs / "infrared", "color": pairs / "color"}
    options = {"samples": False, "pairs": where, "val_fraction": 0.3, "num_workers": 0, **data}
    return tiny.model_copy(update={"data": DataConfig(**options)})


def test_pairs_are_found_by_name_and_split_by_their_color(tiny: Config, pairs: Path):
    data = find_data(paired(tiny, pairs))
    assert len(data.train) + len(data.val) == 9
    assert data.summary["classes"] == ["cats", "dogs"]
    for file in (*data.train, *data.val):
        assert file.input == pairs / "infrared" / file.path.parent.name / f"{file.path.stem}.bmp"


def test_input_and_color_are_cut_and_turned_alike(tiny: Config, pairs: Path):
    turn = {"__class_fullname__": "RandomRotate90", "p": 1.0}
    augment = AugmentConfig(rotate=20, brightness=0.0, transforms=(turn,))
    crops = CropDataset(find_data(paired(tiny, pairs)).train, 24, augment)
    for key in ((0, 1), (1, 2), (2, 3)):
        truth, _, seen = crops[key]
        # The negative of a crop is the crop of a negative, but for rounding.
        assert (255 - truth.int() - seen.int()).abs().max() <= 1
        batch = Batch.from_rgb8(truth[None], torch.tensor([-1]), seen[None])
        assert torch.equal(batch.L, from_rgb8(seen[None])[0])
        assert torch.equal(batch.ab, from_rgb8(truth[None])[1])


def test_a_jpeg_that_is_read_smaller_than_its_partner_still_lies_upon_it(
    tiny: Config, tmp_path: Path
):
    """A JPEG is decoded at a part of its size where that suffices, a PNG is not."""
    ramp = np.repeat(np.linspace(0, 255, 800).astype(np.uint8)[None, :, None], 640, 0)
    for i in range(2):
        pixels = np.concatenate([ramp, 255 - ramp, np.full_like(ramp, 9 + i)], 2)
        write(tmp_path / "color" / f"{i}.png", pixels)
        write(tmp_path / "infrared" / f"{i}.jpg", pixels, quality=95)
    data = find_data(paired(tiny, tmp_path, val_fraction=0.0))
    crop, _, seen = CropDataset(data.train, 32, AugmentConfig())[0, 5]
    assert (crop.int() - seen.int()).abs().max() < 12


def test_what_is_aged_is_the_input(tiny: Config, pairs: Path):
    files = find_data(paired(tiny, pairs)).train
    plain = CropDataset(files, 24, AugmentConfig())[0, 7]
    aged = CropDataset(files, 24, AugmentConfig(degradation=1.0))[0, 7]
    assert torch.equal(plain[0], aged[0])
    assert not torch.equal(plain[2], aged[2])


def test_beside_folders_every_item_says_what_is_seen(
    tiny: Config, pairs: Path, sample_folders: tuple[Path, Path]
):
    config = paired(tiny, pairs, folders=(sample_folders[0],))
    data = find_data(config)
    crops = CropDataset(data.train, 24, AugmentConfig())
    alone = next(i for i, file in enumerate(data.train) if file.input is None)
    two = next(i for i, file in enumerate(data.train) if file.input is not None)
    truth, _, seen = crops[alone, 1]
    assert torch.equal(truth, seen)
    assert not torch.equal(crops[two, 1][0], crops[two, 1][2])


def test_validation_looks_at_the_input_and_compares_with_the_color(tiny: Config, pairs: Path):
    config = paired(tiny, pairs)
    data = find_data(config)
    precision = Precision("fp32", torch.device("cpu"))
    images = validation_set(data.val, 32, config, precision)
    assert torch.equal(images.truth, 255 - images.seen)
    L = from_rgb8(images.seen)[0]
    for which in (None, [1]):
        model = Tint()
        images.predict(model, which)
        assert torch.equal(torch.cat(model.seen), L if which is None else L[1:2])
    model = Tint()
    shown = Validator(images, 2).previews(model, Tint())
    assert torch.equal(torch.cat(model.seen), L[:2])
    assert torch.equal(shown["truth"], images.truth[:2])


def test_a_model_learns_from_pairs(tiny: Config, pairs: Path):
    assert train(paired(tiny, pairs)).is_file()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: write(d / "infrared/cats/p1.bmp", np.zeros((41, 50, 3), np.uint8)), "50 x 41"),
        (lambda d: write(d / "color/cats/p1.jpg", np.zeros((40, 50, 3), np.uint8)), "one file"),
        (lambda d: (d / "infrared").rename(d / "gone"), "no folder"),
        (lambda d: (d / "infrared/cats").rename(d / "infrared/birds"), None),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tiny, pairs: Path, spoil, message, capsys):
    spoil(pairs)
    if message is None:
        assert len([f for f in find_data(paired(tiny, pairs)).train if f.input]) <= 5
        assert "5 pairs; 8 files without a partner left" in capsys.readouterr().err
        return
    with pytest.raises(GanColorError, match=message):
        find_data(paired(tiny, pairs))


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png"])
def test_an_upright_photo_and_its_turned_copy_have_one_size(tiny: Config, pairs: Path, suffix: str):
    exif = Image.Exif()
    exif[274] = 6
    (pairs / "infrared/cats/p1.bmp").unlink()
    write(pairs / f"infrared/cats/p1.{suffix}", np.full((50, 40, 3), 90, np.uint8), exif=exif)
    assert len(find_data(paired(tiny, pairs)).train) >= 4


def test_folders_without_one_common_name_and_unreadable_inputs(tiny: Config, pairs: Path):
    (pairs / "infrared/cats/p1.bmp").write_bytes(b"BM no image")
    data = find_data(paired(tiny, pairs))
    assert [entry["file"] for entry in data.summary["bad"]] == [str(pairs / "infrared/cats/p1.bmp")]
    for i, path in enumerate(sorted((pairs / "infrared").rglob("*.bmp"))):
        path.rename(path.with_stem(f"other{i}"))
    with pytest.raises(GanColorError, match="no name that"):
        find_data(paired(tiny, pairs))
