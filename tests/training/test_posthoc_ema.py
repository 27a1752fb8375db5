"""Post-hoc EMA: from snapshots of one EMA comes another, as if the run had kept that one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_color.config.schema import parse
from gan_color.errors import GanColorError
from gan_color.hub.model_file import load_model, read_header, save_model
from gan_color.models import registry
from gan_color.training import checkpoint
from gan_color.training.averaging.ema import EMA
from gan_color.training.averaging.posthoc_ema import fit_snapshots, log_kept, posthoc_ema
from gan_color.training.run_folder import resume_config
from gan_color.training.trainer import train
from tests.helpers.command_line import one_line, run
from tests.helpers.runs import changed, tiny_mapping

BATCH, UPDATES = 16, 400


def followed(half_lives: tuple[float, ...], seen: int) -> tuple[list[list[Tensor]], Tensor]:
    """[updates + 1] values each of EMAs of weights on a random walk, and the walk's last ones."""
    noise = torch.Generator().manual_seed(0)
    walker: Any = nn.Linear(4096, 1, bias=False)
    emas = [EMA(walker, half_life) for half_life in half_lives]
    for ema in emas:
        ema.images = seen
    history = [[ema.model.weight.clone()] for ema in emas]
    for _ in range(UPDATES):
        with torch.no_grad():
            walker.weight += torch.randn(walker.weight.shape, generator=noise)
        for ema, values in zip(emas, history, strict=True):
            ema.update(walker, BATCH)
            values.append(ema.model.weight.clone())
    return history, walker.weight.detach()


@pytest.mark.parametrize("seen", [0, 100_000])
@pytest.mark.parametrize("wanted", [300.0, 700.0, 5000.0])
def test_it_is_the_ema_that_a_run_would_have_kept(seen: int, wanted: float) -> None:
    own = 300.0
    (kept, true), last = followed((own, wanted), seen)
    ends = list(range(0, UPDATES + 1, 20))
    profiles = [log_kept(h, seen, BATCH, UPDATES) for h in (own, wanted)]
    fit = fit_snapshots(profiles[0], ends, profiles[1])
    assert (fit.weights >= 0).all()
    assert fit.weights.sum() == pytest.approx(1)
    mean = sum(w * kept[end] for w, end in zip(fit.weights.tolist(), ends, strict=True))
    error = float((mean - true[-1]).norm() / (true[-1] - last).norm())
    assert error < 0.05
    assert fit.error == pytest.approx(error, rel=0.2, abs=0.003)
    if wanted != own:
        assert float((kept[-1] - true[-1]).norm() / (true[-1] - last).norm()) > 0.1


@pytest.fixture(scope="module")
def runs(sample_folders, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two runs from one model file that differ by the half-life of the EMA alone."""
    place = tmp_path_factory.mktemp("posthoc")
    start = place / "start.safetensors"
    made = {}
    for name, half_life in (("short", 6.0), ("long", 18.0)):
        config: Any = tiny_mapping(sample_folders, place, name=name, keep_checkpoints=99)
        config["run"] |= {"ema_half_life": half_life, "epoch_images": 6, "init_from": str(start)}
        config["run"] |= {"val_images": 1, "preview_images": 1}
        config["model"]["rebalance"] = 0.0
        pretrain, discriminator, gan = config["stages"]
        config["stages"] = [
            {**pretrain, "images": 12},
            {**discriminator, "images": 6},
            {**gan, "images": 48},
        ]
        if not start.exists():
            torch.manual_seed(0)
            save_model(start, "unet", registry.create(**config["model"]), {})
        train(parse(config))
        made[name] = place / name
    return made


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return sum(float((one[k] - other[k]).double().square().sum()) for k in other) ** 0.5


def test_a_runs_snapshots_give_the_longer_ema_of_another_run(runs: dict[str, Path]) -> None:
    found = posthoc_ema(resume_config(runs["short"]), 18.0)
    assert (found.stage, found.images) == ("gan", 48)
    parameters = {name for name, _ in found.model.named_parameters()}
    statistics = {n for n, _ in found.model.named_buffers() if n.endswith("running_var")}
    ends = {n: checkpoint.find(folder / "checkpoints")[-1] for n, folder in runs.items()}
    raw = {n: checkpoint.load(end, "model") for n, end in ends.items()}
    assert distance(raw["short"], raw["long"]) == 0  # the generators were trained alike
    for names in (parameters, statistics):
        emas = {
            n: {k: v for k, v in checkpoint.load(end, "ema").items() if k in names}
            for n, end in ends.items()
        }
        state = found.model.state_dict()
        off = distance(state, emas["long"])
        assert off < 0.15 * distance(emas["short"], emas["long"])
    assert all(bool((state[n] > 0).all()) for n in statistics)


@pytest.mark.parametrize(("stage", "images", "half_life"), [("gan", 24, 18), ("pretrain", 12, 6)])
def test_it_ends_where_early_stopping_went_back_to(
    runs: dict[str, Path], tmp_path: Path, stage: str, images: int, half_life: float
) -> None:
    """In another cycle even, for which another stage stands here."""
    folder = tmp_path / "stopped"
    shutil.copytree(runs["short"], folder)
    last = checkpoint.find(folder / "checkpoints")[-1]
    state = last.state | {"best": {"gan": {"stage": stage, "images": images}}}
    (last.folder / checkpoint.STATE_FILE).write_text(json.dumps(state))
    (last.folder / checkpoint.SUMS_FILE).unlink()
    found = posthoc_ema(resume_config(folder), half_life)
    assert (found.stage, found.images) == (stage, images)


def test_the_command_writes_a_model_file_that_says_what_it_is(
    runs: dict[str, Path], tmp_path: Path, capsys
) -> None:
    output = tmp_path / "new" / "ema.safetensors"
    assert run("posthoc-ema", runs["short"], "--half-life", 18, "-o", output) == 0
    assert "gan, 48 images: EMA of half-life 18 from" in capsys.readouterr().out
    record = read_header(output)["record"]
    assert record["ema"]["half_life"] == 18
    assert "figures" not in record
    L = torch.linspace(-1, 1, 32 * 32).reshape(1, 1, 32, 32)
    expected = load_model(runs["long"] / "model.safetensors").predict_ab(L)
    other = load_model(runs["short"] / "model.safetensors").predict_ab(L)
    found = load_model(output).predict_ab(L)
    assert (found - expected).norm() < 0.5 * (other - expected).norm()


def test_what_it_cannot_give_is_one_line(runs: dict[str, Path], tmp_path: Path, capsys) -> None:
    output = tmp_path / "ema.safetensors"

    def refused(folder: Path, *options: object) -> str:
        capsys.readouterr()
        assert run("posthoc-ema", folder, "-o", output, *options) == 2
        assert not output.exists()
        return one_line(capsys)

    short = runs["short"]
    assert "expected 6 or more, as the run" in refused(short, "--half-life", 5)
    for number in ("nan", "inf", "-5", "0"):
        assert "half-life: found" in refused(short, "--half-life", number)
    assert "found no config.yml" in refused(tmp_path, "--half-life", 18)


def test_too_few_snapshots_and_a_run_without_an_end_are_refused(
    runs: dict[str, Path], tmp_path: Path, capsys
) -> None:
    folder, output = tmp_path / "few", tmp_path / "ema.safetensors"
    shutil.copytree(runs["short"], folder)
    for snapshot in sorted((folder / "checkpoints").glob("gan-*"))[:-1]:
        shutil.rmtree(snapshot)
    config = resume_config(folder)
    with pytest.raises(GanColorError, match=r"\(2 of its EMA\) .*run\.keep_checkpoints"):
        posthoc_ema(config, 18.0)
    config = changed(config, "run.init_from=null")
    with pytest.raises(GanColorError, match=r"found 40 .* at most 18: .* 20% of the images"):
        posthoc_ema(config, 40.0)
    own = folder / "model.safetensors"
    before = own.read_bytes()
    assert run("posthoc-ema", folder, "--half-life", 6, "-o", own) == 2
    assert "expected another place" in one_line(capsys)
    assert own.read_bytes() == before
    own.unlink()
    assert run("posthoc-ema", folder, "--half-life", 6, "-o", output) == 2
    assert "found no model.safetensors" in one_line(capsys)
    assert not output.exists()
