"""Palettes of photos of like content: grouped, and put into a model file."""

from pathlib import Path

import pytest
import torch

from gan_color.color.ab_bins import BIN_COUNT
from gan_color.evaluation.palettes import PALETTES, group
from gan_color.hub.model_file import load_model, read_header, save_model
from tests.helpers.command_line import one_line, run
from tests.helpers.tiny_steps import generator


def test_photos_are_grouped_by_content_and_then_by_color():
    """Two contents, in each of which all photos have one of two colors."""
    noise = torch.Generator().manual_seed(0)
    contents = torch.eye(2).repeat_interleave(40, dim=0) + 0.01 * torch.rand(80, 2, generator=noise)
    shares = torch.zeros(80, BIN_COUNT)
    for photo in range(80):
        shares[photo, (100 if photo >= 40 else 10) + photo % 2] = 1
    bank = group(contents, shares)
    for direction, first in ((0, 10), (1, 100)):
        like = torch.eye(2)[direction : direction + 1]
        palettes = bank.of_like_content(like)[0]
        assert palettes.shape == (PALETTES, BIN_COUNT)
        assert torch.allclose(palettes.sum(dim=1), torch.ones(PALETTES))
        assert set(palettes.argmax(dim=1).tolist()) == {first, first + 1}
        assert float(palettes[:, first : first + 2].sum()) == pytest.approx(PALETTES)
    again = group(contents, shares)
    assert torch.equal(again.shares, bank.shares)


def test_the_command_puts_them_into_a_file(
    sample_folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source, target = tmp_path / "m.safetensors", tmp_path / "with.safetensors"
    save_model(source, "unet", generator("both", hints=True), {})
    data = ("--data", sample_folders[0], "--size", 64)
    assert run("palettes", source, "-o", target, *data, "--num-images", 12) == 0
    bank = load_model(target).palettes
    assert bank.shares.shape == (1, PALETTES, BIN_COUNT)
    assert torch.allclose(bank.shares.float().sum(dim=2), torch.ones(1, PALETTES), atol=0.01)
    assert read_header(target)["record"]["palettes"] == {"images": 12, "size": 64, "contents": 1}
    capsys.readouterr()
    assert run("palettes", source, "-o", source, *data) == 2
    assert "is the model itself" in one_line(capsys)
    few = tmp_path / "few"
    few.mkdir()
    assert run("palettes", source, "-o", tmp_path / "x", "--data", few) == 2
    assert not (tmp_path / "x").exists()
    save_model(source, "unet", generator("both"), {})
    capsys.readouterr()
    assert run("palettes", source, "-o", tmp_path / "x", *data) == 2
    assert "hints: this model takes none" in one_line(capsys)
