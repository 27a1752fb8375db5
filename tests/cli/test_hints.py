"""Hints on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_color.color.ab_bins import BIN_COUNT
from gan_color.hub.model_file import load_model, save_model, save_palettes
from gan_color.models.hints import PaletteBank
from tests.helpers.command_line import one_line, run
from tests.helpers.tiny_steps import generator


@pytest.fixture(scope="module")
def hinted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file whose model takes hints."""
    path = tmp_path_factory.mktemp("hints") / "hinted.safetensors"
    model = generator("both", hints=True)
    with torch.no_grad():
        for parameter in model.hint_branches.parameters():
            parameter.copy_(0.1 * torch.randn_like(parameter))
    save_model(path, "unet", model, {})
    return path


@pytest.fixture
def photo(tmp_path: Path, coffee: Image.Image) -> Path:
    coffee.resize((120, 80)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_hints_come_one_by_one_and_from_a_file(hinted: Path, photo: Path, tmp_path: Path):
    points = [{"x": 20, "y": 30, "color": "#806050"}, {"x": 100, "y": 60, "color": "#506080"}]
    (tmp_path / "h.json").write_text(json.dumps(points))
    common = ("--model", hinted, "--render", 64)
    ways = {
        "none": (),
        "options": ("--hint", "20,30,#806050", "--hint", "100,60,#506080"),
        "file": ("--hints", tmp_path / "h.json"),
        "both": ("--hints", tmp_path / "h.json", "--hint", "100,60,#508060"),
    }
    found = {}
    for name, options in ways.items():
        target = tmp_path / f"{name}.png"
        assert run("colorize", photo, "-o", target, *common, *options) == 0
        found[name] = np.asarray(Image.open(target)).astype(int)
    assert np.array_equal(found["options"], found["file"])
    assert not np.array_equal(found["options"], found["none"])
    assert not np.array_equal(found["both"], found["file"])  # the option has the last word
    red, _, blue = found["file"][30, 20]
    assert red > blue
    red, _, blue = found["file"][60, 100]
    assert red < blue


def test_hints_that_cannot_be_followed_are_one_line(
    hinted: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    target, other = tmp_path / "out.png", tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    for arguments, message in (
        ((photo, "--hint", "1,2"), "found '1,2', expected x, y and a color"),
        ((photo, "--hints", tmp_path / "none.json"), "none.json cannot be read: "),
        ((photo, "--hints", other), "cannot be read"),
        ((photo, other, "--hint", "1,2,#806050"), "found 2 photos, expected one"),
    ):
        assert run("colorize", *arguments, "-o", target.with_suffix(""), "-m", hinted) == 2
        assert message in one_line(capsys)
    plain = tmp_path / "plain.safetensors"
    save_model(plain, "unet", generator("both"), {})
    assert run("colorize", photo, "-o", target, "--hint", "1,2,#806050", "-m", plain) == 2
    assert "hints: this model takes none, expected one that was trained with" in one_line(capsys)
    assert run("colorize", photo, "-o", target, "-m", hinted, "--hint", "120,2,#806050") == 2
    assert "photo.png: hint: found (120, 2), expected a pixel of the photo's 120 x 80" in (
        capsys.readouterr().err
    )
    assert not target.exists()


def test_a_reference_and_a_word_for_saturation(
    hinted: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    Image.new("RGB", (50, 40), (200, 90, 60)).save(tmp_path / "red.png")
    Image.new("RGB", (50, 40), (90, 90, 90)).save(tmp_path / "gray.png")
    common = ("--model", hinted, "--render", 64)
    ways = {
        "none": (),
        "reference": ("--reference", tmp_path / "red.png"),
        "vivid": ("--saturation", "vivid"),
        "factor": ("--saturation", "1.0"),
    }
    found = {}
    for name, options in ways.items():
        target = tmp_path / f"out-{name}.png"
        assert run("colorize", photo, "-o", target, *common, *options) == 0
        found[name] = target.read_bytes()
    assert found["none"] == found["factor"]
    assert len(set(found.values())) == 3
    capsys.readouterr()
    for options, message in (
        (("--saturation", "loud"), "saturation: found 'loud', expected 0 to 4, or muted, natural"),
        (("--reference", tmp_path / "gray.png"), "reference: found a gray photo"),
        (("--reference", tmp_path / "none.png"), "none.png"),
    ):
        assert run("colorize", photo, "-o", tmp_path / "no.png", *common, *options) == 2
        assert message in one_line(capsys)
        assert not (tmp_path / "no.png").exists()


def test_variants_are_files_side_by_side(
    hinted: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    channels = load_model(hinted).content(torch.zeros(1, 1, 64, 64)).shape[1]
    bank = PaletteBank(torch.ones(1, channels), torch.eye(BIN_COUNT)[None, [20, 100, 180, 260]])
    path = tmp_path / "with.safetensors"
    save_palettes(hinted, path, bank, {})
    common = ("--model", path, "--render", 64)
    assert run("colorize", photo, "-o", tmp_path / "out", *common, "--variants", 3) == 0
    found = [(tmp_path / "out" / f"photo-{number}.png").read_bytes() for number in range(3)]
    assert len(set(found)) == 3
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert run("colorize", photo, "-o", tmp_path / "one.png", *common, "--variant", 2) == 0
    pixels = [
        np.asarray(Image.open(p)) for p in (tmp_path / "one.png", tmp_path / "out/photo-2.png")
    ]
    assert np.array_equal(*pixels)
    capsys.readouterr()
    assert run("colorize", photo, "-o", tmp_path / "out", *common, "--variants", 3) == 0
    assert "3 skipped" in capsys.readouterr().err
    for options, message in (
        (("-m", path, "--variants", 2, "--variant", 1), "found both it and --variants"),
        (("-m", path, "--variant", 1001), "variant: found 1001, expected 0"),
        (("-m", hinted, "--variants", 2), "variant: this model has one answer"),
    ):
        assert run("colorize", photo, "-o", tmp_path / "no", *options) == 2
        assert message in one_line(capsys)
        assert not (tmp_path / "no").exists()
