"""Whole runs: what they leave, and what goes wrong."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from fastai.callback.core import Callback
from PIL import Image
from safetensors.torch import load_file

from gan_color.config.schema import Config, load, parse
from gan_color.errors import GanColorError
from gan_color.hub.model_file import folded_state, load_model, read_header
from gan_color.training import checkpoint, trainer
from gan_color.training.callbacks import progress
from gan_color.training.loggers.csv_log import CsvLog
from tests.helpers.runs import changed


def test_a_run_leaves_a_model_a_log_previews_and_a_report(tiny: Config):
    path = trainer.train(tiny)
    folder = tiny.folder
    assert path == folder / "model.safetensors"
    assert load_model(path).predict_ab(torch.zeros(1, 1, 40, 40)).shape == (1, 2, 40, 40)
    state = read_header(path)["record"]
    assert state["images"] == 72
    assert state["data_license"] == "unstated"
    assert [stage["name"] for stage in state["stages"]] == ["pretrain", "discriminator", "gan"]

    rows = CsvLog(folder / "log.csv").rows()
    steps = [row for row in rows if row["lr"]]
    assert [int(row["total_images"]) for row in steps] == list(range(6, 73, 6))
    gan = [row for row in steps if row["stage"] == "gan"]
    assert all(float(row["adversarial"]) > 0 and float(row["accuracy_2"]) <= 1 for row in gan)
    checked = [row for row in rows if row["psnr"]]
    assert len(checked) == 6

    previews = sorted((folder / "previews").iterdir())
    assert len(previews) == 6
    assert Image.open(previews[0]).size == (4 * 32, 2 * 32)
    report = (folder / "report.html").read_text()
    assert report.count("data:image/") == 2
    assert "http" not in report
    assert load(folder / "config.yml") == tiny


def test_callbacks_of_ones_own_see_every_stage(tiny: Config):
    seen: list[tuple[str, int]] = []

    class Watch(Callback):
        def after_batch(self) -> None:
            kinds = {type(network).__name__ for network in self.learn.step.networks}
            assert kinds <= {"UNet", "MultiscaleDiscriminator"}
            seen.append((type(self.learn.step).__name__, len(self.learn.losses)))

    trainer.train(tiny, callbacks=[Watch()])
    steps = [name for name, _ in seen]
    assert steps == ["SupervisedStep"] * 4 + ["DiscriminatorStep"] * 4 + ["AdversarialStep"] * 4
    assert all(count > 1 for _, count in seen)


def test_without_a_terminal_lines_say_what_is_left(tiny: Config, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    trainer.train(tiny)
    lines = [line for line in capsys.readouterr().err.splitlines() if "left of the run" in line]
    assert len(lines) == 9  # after each of twelve batches, but for a stage's last one
    assert re.fullmatch(
        r"pretrain: 6/24 images, [0-9.,]+/s, about .* (s|min) left of the run", lines[0]
    )


def test_what_a_run_still_takes_counts_the_pixels_of_later_stages(tiny: Config):
    config = changed(tiny, "stages.gan.size=64")
    # 12 images of 32 px, 24 of 32, and 24 of four times the pixels, at 2 images a second.
    assert progress.seconds_left(config.schedule, 0, 12, 2.0) == (12 + 24 + 4 * 24) / 2
    assert progress.seconds_left(config.schedule, 2, 6, 2.0) == 3
    assert [progress.in_words(s) for s in (40, 720, 7500)] == ["40 s", "12 min", "2 h 05 min"]


def test_the_rate_of_the_discriminators_follows_the_generators(tiny: Config, monkeypatch):
    seen = []
    original = trainer.DiscriminatorLR.before_batch

    def watched(self) -> None:
        original(self)
        seen.append((self.opt.hypers[-1]["lr"], self.optimizer.param_groups[0]["lr"]))

    monkeypatch.setattr(trainer.DiscriminatorLR, "before_batch", watched)
    trainer.train(changed(tiny, "stages.gan.discriminator_lr_mult=3.0"))
    assert len(seen) == 4
    assert all(d == pytest.approx(3 * g) for g, d in seen)
    assert len({g for g, _ in seen}) > 1  # one cycle moved it


def test_every_rate_is_logged_once(tiny: Config):
    """Early and late encoder, decoder, discriminators: biases have no columns of their own."""
    ratio = "stages.gan.discriminator_lr_mult=3.0"
    trainer.train(changed(tiny, ratio, "stages.gan.encoder_lr_mult=0.01"))
    rows = [row for row in CsvLog(tiny.folder / "log.csv").rows() if row["lr"]]
    names = ["lr", "lr_encoder", "lr_encoder_2", "lr_discriminator"]
    assert {name for name in rows[0] if name.startswith("lr")} == set(names)
    by_stage = {
        stage: [row for row in rows if row["stage"] == stage]
        for stage in ("pretrain", "discriminator", "gan")
    }
    assert all(len(found) == 4 for found in by_stage.values())
    assert not any(row["lr_discriminator"] for row in by_stage["pretrain"])
    for row in by_stage["discriminator"]:
        assert row["lr_discriminator"] == row["lr"]
        assert not row["lr_encoder"]
    for row in by_stage["gan"]:
        rate, *others = (float(row[name]) for name in names)
        expected = [0.01 * rate, 0.1 * rate, 3 * rate]
        assert others == pytest.approx(expected, rel=1e-3, abs=2e-8)  # rows have 8 decimals
    assert len({row["lr_discriminator"] for row in by_stage["gan"]}) > 1  # one cycle moved it


def test_a_stage_may_have_a_half_life_of_its_own(tiny: Config, monkeypatch):
    seen = []
    original = trainer.UpdateEMA.after_batch

    def watched(self) -> None:
        seen.append(self.ema.half_life)
        original(self)

    monkeypatch.setattr(trainer.UpdateEMA, "after_batch", watched)
    trainer.train(changed(tiny, "stages.gan.ema_half_life=3"))
    assert seen == [10] * 4 + [3] * 4


def test_a_run_may_start_from_a_model_file(tiny: Config, tmp_path: Path):
    """A rate of nearly nothing: what it ends with is what it started from."""
    first = trainer.train(tiny)
    still = "stages=[{name: still, kind: supervised, images: 6, size: 32, batch: 6, lr: 1.0e-12}]"
    freeze = ("stages.still.freeze_norm=true", "stages.still.freeze_encoder=true")
    again = trainer.train(changed(tiny, "run.name=again", f"run.init_from={first}", still, *freeze))
    L = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before, after = (load_model(path).predict_ab(L) for path in (first, again))
    assert before.abs().max() > 1e-3
    # Not equal: the spectral norms are estimated anew.
    assert (before - after).abs().max() < 0.05 * before.abs().max()
    with pytest.raises(GanColorError, match=r"nowhere\.safetensors"):
        trainer.train(changed(tiny, "run.name=none", "run.init_from=/nowhere.safetensors"))


def test_a_stage_may_start_from_the_mean_of_others(tiny: Config):
    mapping = tiny.model_dump(mode="json")
    first = mapping["stages"][0]
    mapping["stages"] = [
        first,
        {**first, "name": "more"},
        {**mapping["stages"][1], "average_from": ["pretrain", "more"]},
    ]
    config = parse(mapping)
    trainer.train(config)
    ends = {}
    for found in checkpoint.find(config.folder / "checkpoints"):
        resumed = trainer.Networks(config, torch.device("cpu"), resumed=True)
        resumed.load(found)
        ends[found.state["stage"]] = resumed
    L = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    folded = [folded_state(ends[name].ema.model) for name in ("pretrain", "more")]
    mean = folded_state(ends["discriminator"].ema.model)
    for key in ("head.weight", "head.bias"):
        assert torch.allclose(mean[key], (folded[0][key] + folded[1][key]) / 2, atol=1e-6)
        assert not torch.allclose(mean[key], folded[1][key], atol=1e-6)
    generator = ends["discriminator"].generator
    ema = ends["discriminator"].ema.model
    assert torch.allclose(generator.predict_ab(L), ema.predict_ab(L), atol=1e-5)


def test_a_mean_of_stages_to_come_is_refused(tiny: Config):
    with pytest.raises(
        GanColorError, match=r"gan\.average_from: found nope, expected stages before it"
    ):
        changed(tiny, "stages.gan.average_from=[pretrain, nope]")


def test_the_same_seed_gives_the_same_model_and_another_another(tiny: Config):
    models = [
        load_file(trainer.train(changed(tiny, f"run.name=r{i}", f"run.seed={seed}")))
        for i, seed in enumerate((3, 3, 4))
    ]
    assert all(torch.equal(models[0][k], models[1][k]) for k in models[0])
    assert not all(torch.equal(models[0][k], models[2][k]) for k in models[0])


# --- What goes wrong ---------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_last_checkpoint(
    tiny: Config, monkeypatch
):
    original = trainer.ColorLearner._do_one_batch

    def poisoned(self) -> None:
        if self.train_iter >= 3:
            with torch.no_grad():
                self.model.head.weight.fill_(float("nan"))
        original(self)

    monkeypatch.setattr(trainer.ColorLearner, "_do_one_batch", poisoned)
    with pytest.raises(GanColorError) as caught:
        trainer.train(tiny)
    message = str(caught.value)
    assert "pixel" in message
    assert message.startswith("training: ")  # fastai would put a preface of its own before it
    assert "is not a number at stage pretrain, image 24" in message
    assert "pretrain-0000012" in message
    assert [c.folder.name for c in checkpoint.find(tiny.folder / "checkpoints")] == [
        "pretrain-0000012"
    ]


def test_data_that_leaves_nothing_is_refused(tiny: Config, tmp_path: Path):
    gray = tmp_path / "gray"
    gray.mkdir()
    Image.new("RGB", (40, 40), (80, 80, 80)).save(gray / "g.png")
    (gray / "bad.jpg").write_text("x")
    with pytest.raises(GanColorError, match=r"no images left to train on \(1 unreadable, 1 gray\)"):
        trainer.train(changed(tiny, f"data.folders=[{gray}]"))


def test_bad_images_are_listed_and_skipped(tiny: Config, tmp_path: Path, sample_folders):
    folder = tmp_path / "mixed"
    shutil.copytree(sample_folders[0], folder)
    (folder / "broken.png").write_text("x")
    trainer.train(changed(tiny, f"data.folders=[{folder}]"))
    summary = json.loads((tiny.folder / "data.json").read_text())
    assert [Path(bad["file"]).name for bad in summary["bad"]] == ["broken.png"]
    assert summary["train"] > 0


def test_a_stage_may_crop_in_its_own_way(tiny: Config, monkeypatch):
    seen = []
    crops = trainer.CropDataset
    monkeypatch.setattr(trainer, "CropDataset", lambda *a: seen.append(a[2]) or crops(*a))
    config = changed(tiny, f"stages.{tiny.stages[1].name}.augment={{scale: [0.9, 1.0]}}")
    config.folder.mkdir(parents=True)
    training = trainer.Trainer(config, None)
    for index in range(2):
        training.learner(index, 1, [])
    assert [augment.scale for augment in seen] == [config.data.augment.scale, (0.9, 1.0)]


def test_a_small_run_overfits_one_image(tiny: Config, tmp_path: Path, coffee: Image.Image):
    folder = tmp_path / "one"
    folder.mkdir()
    coffee.resize((48, 48)).save(folder / "coffee.png")
    config = changed(
        tiny,
        f"data.folders=[{folder}]",
        f"data.val=[{folder}]",
        "data.augment={scale: [1, 1], ratio: [1, 1], flip: 0}",
        "model.rebalance=0",
        "run.epoch_images=400",
        "stages=[{name: fit, kind: supervised, images: 800, size: 48, batch: 8, lr: 5.0e-3}]",
    )
    trainer.train(config)
    checked = [row for row in CsvLog(config.folder / "log.csv").rows() if row["psnr"]]
    last = {
        name: float(checked[-1][name]) for name in ("psnr", "colorfulness", "colorfulness_truth")
    }
    assert last["psnr"] > 24
    assert last["colorfulness"] > 0.75 * last["colorfulness_truth"]
