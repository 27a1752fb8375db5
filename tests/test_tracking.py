"""Where a run reports to."""

from pathlib import Path

import pytest

from gan_color.config import Config, parse
from gan_color.strict_yaml import apply_override
from gan_color.training import run, tracking
from gan_color.training.tracking import CsvLog


def test_columns_are_added_as_they_come(tmp_path: Path):
    log = CsvLog(tmp_path / "log.csv")
    log.add({"stage": "a", "total_images": 1, "x": 1.5})
    log.add({"stage": "a", "total_images": 2, "y": 2.5})
    rows = CsvLog(tmp_path / "log.csv").rows()
    assert [(r["x"], r["y"]) for r in rows] == [("1.5", ""), ("", "2.5")]


def test_what_was_logged_after_a_checkpoint_is_cut(tmp_path: Path):
    path = tmp_path / "log.csv"
    log = CsvLog(path)
    for i in range(1, 5):
        log.add({"stage": "a", "total_images": i, "x": i})
    with path.open("a") as file:
        file.write("a,")  # a kill in the middle of a line
    again = CsvLog(path)
    again.cut(2)
    assert [row["total_images"] for row in again.rows()] == ["1", "2"]
    again.add({"stage": "a", "total_images": 3, "x": 3})
    assert len(again.rows()) == 3


def test_an_offline_wandb_run_is_complete(tiny: Config, monkeypatch):
    """The whole of a run goes to W&B's local files, and resuming keeps the run's id."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    mapping = tiny.model_dump(mode="json")
    apply_override(mapping, "tracking.wandb=offline")
    seen: dict[str, list] = {"log": [], "artifact": []}
    original = tracking.WandbTracker

    class Watched(original):
        def log(self, row: dict) -> None:
            seen["log"].append(row)
            super().log(row)

        def model(self, path: Path, metadata: dict) -> None:
            seen["artifact"].append(path)
            super().model(path, metadata)

    monkeypatch.setattr(tracking, "WandbTracker", Watched)
    run.train(parse(mapping))
    assert len(seen["log"]) == len(CsvLog(tiny.folder / "log.csv").rows())
    assert seen["artifact"] == [tiny.folder / "model.safetensors"]
    stored = list((tiny.folder / "wandb").glob("offline-run-*/*.wandb"))
    assert len(stored) == 1
    assert stored[0].stat().st_size > 10_000


def test_a_server_that_cannot_be_reached_is_no_reason_to_stop(tiny: Config, monkeypatch, capsys):
    import wandb

    mapping = tiny.model_dump(mode="json")
    apply_override(mapping, "tracking.wandb=online")

    class Unreachable(tracking.Tracker):
        def __init__(self, config: Config, mode: str, run_id: str | None) -> None:
            if mode == "online":
                raise wandb.errors.CommError("no route to host")

    monkeypatch.setattr(tracking, "WandbTracker", Unreachable)
    monkeypatch.setattr(tracking, "wandb_has_key", lambda: True)
    assert isinstance(tracking.create(parse(mapping), None), Unreachable)
    assert "no route to host" in capsys.readouterr().err


@pytest.mark.parametrize("key", [None, "x" * 40])
def test_online_without_a_key_goes_offline_and_says_so(tiny: Config, monkeypatch, capsys, key):
    mapping = tiny.model_dump(mode="json")
    apply_override(mapping, "tracking.wandb=online")
    modes = []

    class Recorded(tracking.Tracker):
        def __init__(self, config: Config, mode: str, run_id: str | None) -> None:
            modes.append(mode)

    monkeypatch.setattr(tracking, "WandbTracker", Recorded)
    monkeypatch.setattr(tracking, "wandb_has_key", lambda: key is not None)
    tracking.create(parse(mapping), None)
    assert modes == ["online" if key else "offline"]
    assert ("no API key" in capsys.readouterr().err) == (key is None)
