"""gan-color train, lr-find and demo, as a person types them."""

import importlib
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from gan_color.training.learner import ColorLearner
from tests.helpers.command_line import one_line, run
from tests.helpers.runs import REPOSITORY


def test_training_again_needs_resume_or_overwrite(trained: Path, capsys):
    capsys.readouterr()
    assert run("train", "--config", trained.parent / "c.yml") == 2
    assert "--resume" in one_line(capsys)
    before = (trained / "model.safetensors").read_bytes()
    assert run("train", "--resume", trained) == 0
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_dry_run_prints_the_resolved_config_and_touches_nothing(tmp_path, trained, capsys):
    plot = tmp_path / "plots" / "rates.png"
    config = ("-c", trained.parent / "c.yml", "--set", f"run.dir={tmp_path / 'no'}")
    assert run("train", *config, "--dry-run", "--plot", plot) == 0
    out = capsys.readouterr().out
    assert yaml.safe_load(out)["stages"][2]["feature_matching_weight"] == 10.0
    assert "# gan: 2 epochs of 2 batches of 6 at 32 px = 24 images" in out
    assert re.search(r"^# gan: 4 updates of [0-9.e-]+ s: \d+ s$", out, re.MULTILINE)
    assert "# the whole run: " in out
    assert out.endswith(f"# learning rates: {plot}\n")
    assert Image.open(plot).size[0] > 500
    assert not (tmp_path / "no").exists()
    assert run("train", *config, "--dry-run", "--no-measure") == 0
    assert "updates" not in capsys.readouterr().out
    assert run("train", *config, "--plot", plot) == 2
    assert "found --plot, expected --dry-run with it" in one_line(capsys)
    assert run("train", *config, "--dry-run", "--plot", tmp_path / "rates.jpg") == 2
    assert "expected the name of a .png" in one_line(capsys)


def test_lr_find_suggests_a_rate_and_refuses_adversaries(trained, tmp_path, capsys):
    config = trained.parent / "c.yml"
    # A run's length is no matter of rates, but it makes other stages of the configuration's.
    place = ("--set", f"run.dir={tmp_path}", "--set", "run.duration_scale=0.5")
    assert run("lr-find", "--config", config, "--steps", 40, "--high", 0.1, *place) == 0
    out = capsys.readouterr().out
    rate = float(out.split("suggested lr: ")[1].split(";")[0])
    assert 1e-6 < rate < 0.1
    assert (tmp_path / "tiny" / "lr_find.png").exists()
    assert run("lr-find", "--config", config, "--stage", "gan", *place) == 2
    assert "adversaries" in one_line(capsys)


def test_train_gan_is_the_train_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_gan.py", "--config", "missing.yml"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(REPOSITORY / "train_gan.py"), run_name="__main__")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "gan-color: config: found no file 'missing.yml'\n"


def test_a_file_of_overrides_and_a_name_made_up(tmp_path, monkeypatch, capsys):
    config = REPOSITORY / "configs" / "tiny.yml"
    overrides = tmp_path / "o.json"
    dry = ("--dry-run", "--no-measure")
    overrides.write_text(json.dumps({"stages.gan.lr": 1e-05, "run.name": "auto"}))
    monkeypatch.setenv("WANDB_RUN_ID", "abc123")
    assert run("train", "--config", config, "--set-file", overrides, *dry) == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert found["stages"][2]["lr"] == 1e-05
    assert found["run"]["name"] == "tiny-abc123"
    monkeypatch.delenv("WANDB_RUN_ID")
    assert run("train", "--config", config, "--set-file", overrides, *dry) == 0
    assert yaml.safe_load(capsys.readouterr().out)["run"]["name"].startswith("tiny-20")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run("train", "--config", config, "--set-file", overrides, *dry) == 2
    assert "expected a name of your own" in one_line(capsys)


def test_the_demo_finds_its_recipe_in_any_folder(tmp_path, monkeypatch):
    asked = []
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module("gan_color.cli.demo")  # the package's `demo` is the command
    monkeypatch.setattr(module, "run_demo", lambda config: asked.append(config.run.name) or "")
    assert run("demo") == 0
    assert run("demo", "-c", "tiny") == 0
    assert asked == ["demo", "tiny"]


def test_a_batch_is_shown_as_the_run_will_train_on_it(trained, tmp_path, monkeypatch, capsys):
    seen: list[torch.Tensor] = []
    original = ColorLearner._do_one_batch

    def watched(self: ColorLearner) -> None:
        seen.append(self.xb[0])
        original(self)

    place = ("-c", trained.parent / "c.yml", "--set", f"run.dir={tmp_path / 'runs'}")
    sheet = tmp_path / "sheets" / "batch.png"
    assert run("train", *place, "--show-batch", sheet) == 0
    assert "the first batch of pretrain" in capsys.readouterr().out
    shown = np.asarray(Image.open(sheet))
    assert shown.shape == (6 * 32, 2 * 32, 3)
    gray = shown[:, :32].astype(int)
    assert np.ptp(gray, axis=2).max() <= 1
    assert np.ptp(shown[:, 32:].astype(int), axis=2).max() > 30
    assert not (tmp_path / "runs" / "tiny").exists()
    monkeypatch.setattr(ColorLearner, "_do_one_batch", watched)
    assert run("train", *place) == 0
    assert np.array_equal(seen[0].permute(0, 2, 3, 1).reshape(-1, 32, 3).numpy(), shown[:, 32:])
    hinted = ("--set", "model.hints=true", "--set", "stages.pretrain.hints={share: 1}")
    assert run("train", *place, *hinted, "--show-batch", sheet) == 0
    assert "as it comes in | with hints | as it should come out" in capsys.readouterr().out
    again = np.asarray(Image.open(sheet))
    assert np.array_equal(again[:, :32], shown[:, :32])
    assert np.array_equal(again[:, 64:], shown[:, 32:])
    points = (again[:, 32:64] != again[:, :32]).any(axis=2)
    assert 0.001 < points.mean() < 0.5
    capsys.readouterr()
    assert run("train", *place, "--show-batch", tmp_path / "batch.gif") == 2
    assert "expected the name of a .png" in one_line(capsys)
