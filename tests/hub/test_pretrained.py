"""The weights that ship with the package: strict about the file, and held to their card.

`python tests/hub/test_pretrained.py` prints the lines that the card must have.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan_color
from benchmarks import readme_figure
from gan_color.cli import main
from gan_color.cli.demo import example_sheets, run_demo
from gan_color.data import samples
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.hub import pretrained
from gan_color.hub.model_file import read_header
from gan_color.images.resize import evaluation_crop
from gan_color.inference.pipeline import colorize_image

CARD = (pretrained.FOLDER / "README.md").read_text()
FIGURES = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", CARD, re.MULTILINE)
PHOTOGRAPHS = {**samples.photographs(), "coffee": samples.held_out()}


def colorized(model, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(photo, truth): the center square at 256 px, both uint8 [1, 3, 256, 256]."""
    truth = evaluation_crop(PHOTOGRAPHS[name], 256)
    photo = colorize_image(model, Image.fromarray(truth.permute(1, 2, 0).numpy()))
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None], truth[None]


def figures(model, name: str) -> tuple[float, float, float]:
    """(PSNR, mean CIEDE2000, colorfulness) of a photograph, as the card's table has them."""
    photo, truth = colorized(model, name)
    measured = metrics.psnr(photo, truth), metrics.delta_e2000(photo, truth).mean
    return float(measured[0]), float(measured[1]), float(metrics.colorfulness(photo))


def digest(model) -> str:
    """On one thread: sums that are shared out differently round differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return hashlib.sha256(colorized(model, "coffee")[0].numpy().tobytes()).hexdigest()
    finally:
        torch.set_num_threads(threads)


def command(*arguments: str) -> object:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code or 0


@pytest.fixture(scope="module")
def model():
    return gan_color.load(pretrained.DEFAULT).model


def test_the_card_names_the_file_its_hash_and_what_its_header_says():
    kept = pretrained.MODELS[pretrained.DEFAULT]
    assert kept.sha256 in CARD
    assert kept.bytes <= 16e6
    record = read_header(pretrained.verified(pretrained.DEFAULT))["record"]
    for key in ("data_license", "command", "hardware", "hours", "figures", "license"):
        assert record[key], key
    assert record["data_license"] in CARD
    assert record["command"] in CARD
    assert f"**Good at**: {kept.good_at}. **Bad at**: {kept.bad_at}." in " ".join(CARD.split())


@pytest.mark.parametrize("damage", ["missing", "short", "other"])
def test_a_file_that_is_not_the_one_named_is_refused(damage, tmp_path: Path, monkeypatch, capsys):
    kept = pretrained.MODELS[pretrained.DEFAULT]
    copy = tmp_path / kept.file
    if damage != "missing":
        content = bytearray((pretrained.FOLDER / kept.file).read_bytes())
        content[-1] ^= 1
        copy.write_bytes(content[: -4 if damage == "short" else None])
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(GanColorError, match=r"found .*expected.*install gan_color again"):
        pretrained.verified(pretrained.DEFAULT)
    assert command("colorize", "x.jpg") == 2
    assert "install gan_color again" in capsys.readouterr().err


def test_a_file_of_the_users_own_wins_over_the_name(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pretrained.find_model(pretrained.DEFAULT).parent == pretrained.FOLDER
    Path(pretrained.DEFAULT).write_text("mine")
    assert pretrained.find_model(pretrained.DEFAULT) == Path(pretrained.DEFAULT)


def test_a_photo_is_colorized_without_naming_a_model(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(samples.gray_photograph(), "old.png")
    assert command("colorize", "old.png") == 0
    by_command = np.asarray(Image.open("colorized/old.png"))
    by_python = np.asarray(gan_color.colorize("old.png"))
    assert np.array_equal(by_command, by_python)
    assert by_command.max(axis=2).astype(int).sum() > by_command.min(axis=2).astype(int).sum()


def test_the_command_names_the_shipped_models_terms_once(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        shutil.copy(samples.gray_photograph(), name)
    assert command("colorize", "a.png", "b.png", "--render", "64") == 0
    assert capsys.readouterr().err.count("non-commercial use") == 1
    mine = shutil.copy(pretrained.verified(pretrained.DEFAULT), tmp_path / "mine.safetensors")
    assert command("colorize", "a.png", "-o", "c.png", "-m", str(mine), "--render", "64") == 0
    assert "non-commercial" not in capsys.readouterr().err
    assert "non-commercial" in CARD


def test_the_demo_shows_the_shipped_model_beside_the_new_one(tiny, model, tmp_path, monkeypatch):
    new = Path(shutil.copy(pretrained.verified(pretrained.DEFAULT), tmp_path / "new.safetensors"))
    monkeypatch.setattr("gan_color.training.trainer.train", lambda *_, **__: new)
    monkeypatch.setattr("gan_color.training.report.page.write_report", lambda folder, paths: paths)
    paths = run_demo(tiny)
    named = [pretrained.DEFAULT in caption for caption in paths]
    assert named == [False, False, True, True]
    sheets = [Image.open(path) for path in paths.values()]
    rendered = [example_sheets(model, size).values() for size in (tiny.stages[-1].size, 256)]
    for sheet, expected in zip(sheets, (*rendered[0], *rendered[1]), strict=True):
        assert sheet.size == expected.size
        difference = np.asarray(sheet).astype(int) - np.asarray(expected)
        assert np.abs(difference).mean() < 3  # JPEG's
    look = readme_figure.first_look(model, 300)
    assert look.width == 300
    heights = [round(sheet.height * 300 / sheet.width) for sheet in sheets[2:]]
    assert look.height == sum(heights)
    lower = np.asarray(look.crop((0, heights[0], 300, look.height))).astype(int)
    expected = np.asarray(sheets[3].resize((300, heights[1]), Image.Resampling.LANCZOS))
    assert np.abs(lower - expected).mean() < 3


def test_the_card_has_every_photograph_that_installed_packages_carry():
    assert {name for name, *_ in FIGURES} == set(PHOTOGRAPHS)


@pytest.mark.parametrize(("name", "psnr", "delta_e", "color"), FIGURES)
def test_the_figures_of_the_card_hold(model, name, psnr, delta_e, color):
    found = figures(model, name)
    assert found[0] == pytest.approx(float(psnr), abs=0.05)
    assert found[1] == pytest.approx(float(delta_e), abs=0.05)
    assert found[2] == pytest.approx(float(color), abs=0.2)


def test_the_same_photo_gives_the_same_photo_bit_for_bit(model):
    digests = {digest(each) for each in (model, gan_color.load(pretrained.DEFAULT).model, model)}
    assert len(digests) == 1
    # Another instruction set rounds otherwise: the card says which one the hash is of.
    if torch.backends.cpu.get_cpu_capability() in CARD:
        assert digests.pop() in CARD


if __name__ == "__main__":
    loaded = gan_color.load(pretrained.DEFAULT).model
    for photograph in sorted(PHOTOGRAPHS):
        of_truth = float(metrics.colorfulness(colorized(loaded, photograph)[1]))
        row = " | ".join(f"{figure:.2f}" for figure in (*figures(loaded, photograph), of_truth))
        sys.stdout.write(f"| `{photograph}` | {row} |\n")
    sys.stdout.write(f"{digest(loaded)} ({torch.backends.cpu.get_cpu_capability()})\n")
