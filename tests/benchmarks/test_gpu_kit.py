"""The GPU kit: all of it rehearsed on the CPU, and a runner that nothing stops."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.baselines import Baseline
from benchmarks.cli import main
from benchmarks.gpu import correctness, peaks, training
from benchmarks.gpu import settings as gpu_settings
from benchmarks.gpu.parts import PARTS, Part
from benchmarks.gpu.runner import run_kit
from benchmarks.gpu.settings import Measurement, Settings, rehearsal
from gan_color.config.yaml_file import find_recipe
from gan_color.errors import GanColorError
from gan_color.training.memory.planner import Footprint
from tests.helpers import gpu_parts

MACHINE = {"device": "cpu: toy", "torch": "0"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(rehearsal(tmp_path, find_recipe("tiny"), None, ()), patience=1)


def part(
    measurements: Callable[[Settings], dict[str, Measurement]], each: float = 60, least: float = 0
) -> Part:
    return Part("part", "Well?", measurements, least, each, 600)


def run(settings: Settings, *parts: Part, minutes: float = 5) -> dict:
    run_kit(settings, MACHINE, minutes, parts)
    return json.loads((settings.folder / "gpu.json").read_text())["parts"]


def notes(settings: Settings) -> list[str]:
    return (settings.folder / "notes").read_text().split()


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["gpu", *arguments])
    return caught.value.code or 0


def test_all_of_it_runs_on_the_cpu(tmp_path: Path):
    folder = tmp_path / "kit"
    arguments = ("--rehearse", "-o", str(folder), "--set", "run.duration_scale=0.2")
    assert command(*arguments) == 0
    found = json.loads((folder / "gpu.json").read_text())
    assert found["rehearsal"] is True
    assert {name: result["state"] for name, result in found["parts"].items()} == {
        part.name: "done" for part in PARTS
    }
    table = (folder / "gpu.md").read_text()
    assert table.startswith("# A rehearsal on the CPU at toy sizes: no figure here says anything")
    assert all(f"## {part.question}" in table for part in PARTS)
    stages = next(iter(found["parts"]["learning"]["rows"].values()))
    assert [stage["stage"] for stage in stages] == ["pretrain", "discriminator", "gan"]
    assert (folder / "runs" / "train" / "model.safetensors").exists()


def test_a_second_start_repeats_nothing(settings: Settings):
    parts = (part(gpu_parts.well), part(gpu_parts.well)._replace(name="next"))
    run(settings, *parts)
    assert notes(settings) == ["well", "well"]
    written = json.loads((settings.folder / "gpu.json").read_text())
    del written["parts"]["next"]
    (settings.folder / "gpu.json").write_text(json.dumps(written))
    found = run(settings, *parts)
    assert notes(settings) == ["well"] * 3
    assert found["part"] == written["parts"]["part"]
    assert found["next"]["state"] == "done"


def test_what_hangs_is_killed_with_its_children_and_tried_once_more(settings: Settings):
    only = part(gpu_parts.hanging, each=4)
    for tries in (1, 2):
        found = run(settings, only, part(gpu_parts.well)._replace(name="next"))
        assert found["part"]["state"] == "killed"
        assert found["part"]["problems"] == {
            "hang": {"state": "killed", "reason": "not there after 4 s", "tries": tries}
        }
        assert list(found["part"]["rows"]) == ["before", "after"]
        assert found["next"]["state"] == "done"
        child = int((settings.folder / "child").read_text())
        stat = Path(f"/proc/{child}/stat")
        for _ in range(50):
            if not stat.exists() or stat.read_text().split()[2] == "Z":
                break
            time.sleep(0.1)
        else:
            pytest.fail("the process that the measurement started is still there")
    (settings.folder / "child").unlink()
    found = run(settings, only)
    assert found["part"]["problems"]["hang"]["tries"] == 2
    assert not (settings.folder / "child").exists()
    assert notes(settings) == ["before", "after", "well"]


def test_what_raises_or_dies_is_told_and_the_rest_goes_on(settings: Settings):
    found = run(settings, part(gpu_parts.bad))["part"]
    assert found["state"] == "killed"
    assert found["problems"]["raise"]["reason"] == "ValueError: as it was told"
    assert found["problems"]["die"]["reason"] == "its process ended with 7"
    assert found["rows"] == {"after": [{"noted": "after"}]}


def test_without_time_a_part_is_left_for_the_next_start_which_says_why(settings: Settings):
    patient = part(gpu_parts.well, least=200)
    found = run(settings, patient, minutes=1)["part"]
    assert found["state"] == "skipped"
    assert found["reason"].startswith("well: not in this start, 60 s before its end")
    assert "skipped" in (settings.folder / "gpu.md").read_text()
    assert run(settings, patient)["part"]["state"] == "done"


def test_a_measurement_that_the_end_breaks_off_is_no_failure(settings: Settings):
    found = run(settings, part(gpu_parts.hanging, each=60), minutes=5 / 60)["part"]
    assert found["state"] == "shortened"
    assert found["problems"] == {}
    assert found["reason"].startswith("hang, after: not in this start")


def test_what_is_not_finished_goes_on_at_the_next_start(settings: Settings):
    states = [run(settings, part(gpu_parts.endless))["part"]["state"] for _ in range(4)]
    assert states == ["shortened", "shortened", "done", "done"]
    assert len(notes(settings)) == 3


def test_figures_of_two_machines_are_not_mixed(settings: Settings):
    run(settings, part(gpu_parts.well))
    before = (settings.folder / "gpu.json").read_bytes()
    with pytest.raises(
        GanColorError, match="measured with device = 'cpu: toy', found 'cuda: H100'"
    ):
        run_kit(settings, {**MACHINE, "device": "cuda: H100"}, 5, [part(gpu_parts.well)])
    assert (settings.folder / "gpu.json").read_bytes() == before


@pytest.mark.parametrize("text", ["{", "[]", '{"parts": {"machine": {"color": 1}}}'])
def test_another_file_is_refused_and_kept(settings: Settings, text: str):
    (settings.folder / "gpu.json").write_text(text)
    with pytest.raises(GanColorError, match="not what the kit writes; choose another --output"):
        run_kit(settings, MACHINE, 5, [part(gpu_parts.well)])
    assert (settings.folder / "gpu.json").read_text() == text


def test_a_wrong_result_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    step_once = correctness.step_once

    def crooked(*arguments: object, **named: object) -> dict:
        found = step_once(*arguments, **named)
        return found if named else {**found, "ab": 1.1 * found["ab"]}

    monkeypatch.setattr(correctness, "step_once", crooked)
    with pytest.raises(ValueError, match="ab beyond tolerance"):
        correctness.compare(settings, "small", "fp32", False, 60)


def test_a_batch_that_does_not_fit_is_told_with_one_that_does(settings: Settings, monkeypatch):
    found = Footprint(fixed=0, per_image=2**20)
    for place in ("benchmarks.gpu.peaks", "gan_color.training.memory.planner"):
        monkeypatch.setattr(f"{place}.footprint", lambda *_: found)

    def peak(_: Settings, entry: Baseline) -> tuple[float, float]:
        images = entry.config.stages[0].images_per_batch
        if images > 6:
            raise torch.OutOfMemoryError("toy")
        return 2**21 * images, 2**22 * images

    monkeypatch.setattr(peaks, "_peak", peak)
    (row,) = peaks.measure(settings, 32, False, 60)
    assert (row["auto"], row["fits"], row["predicted_mib"], row["peak_mib"]) == (8, 6, 6, 12)
    assert (row["per_image"], row["peak_over_predicted"]) == (2, 2)


def test_a_training_goes_on_from_its_checkpoint(settings: Settings, monkeypatch):
    folder = settings.folder / "runs" / "train"
    started = training.command(settings, folder, settings.recipe, ("run.seed=3",))
    assert started[:3] == ["train", "--config", str(settings.recipe)]
    assert "run.seed=3" in started
    monkeypatch.setattr(training.checkpoint, "find", lambda path: [path])
    again = training.command(settings, folder, settings.recipe, ("run.seed=3",))
    assert again == ["train", "--resume", str(folder)]


def test_a_training_that_fails_says_why(settings: Settings):
    wrong = ("data.folders=[nowhere]", "data.samples=false")
    with pytest.raises(RuntimeError, match=r"exit code 2: gan-color: .*nowhere"):
        training.train_for(settings, "train", settings.recipe, wrong, 60)


def test_losses_that_do_not_fall_are_a_failure(settings: Settings, monkeypatch):
    row = {"stage": "pretrain", "total_first": 0.5, "total_last": 0.5}
    monkeypatch.setattr(training, "train_for", lambda *_: (True, [row]))
    with pytest.raises(ValueError, match="pretrain: total does not fall"):
        training.short(settings)["samples"](60)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "found no GPU that torch"),
        (("--data", "nowhere"), "--data: found no folder 'nowhere'"),
        (("--set", "run.colour=1"), "run.colour"),
    ],
)
def test_a_mistake_is_one_line(options, message: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.gpu.kit.run_isolated", lambda function, *rest: function(*rest))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert command("-o", str(tmp_path / "kit"), *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "kit").exists()


@pytest.mark.parametrize(("units", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_rehearsal_emulates_no_precision(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, units: bool, expected: str
):
    monkeypatch.setattr(gpu_settings, "cpu_has_bf16_units", lambda: units)
    toys = replace(settings, rehearsal=True)
    assert [toys.precision(kind) for kind in ("fp32", "bf16", "fp16")] == [
        "fp32",
        expected,
        expected,
    ]
    whole = replace(settings, rehearsal=False)
    assert [whole.precision(kind) for kind in ("fp32", "bf16", "fp16")] == ["fp32", "bf16", "fp16"]
