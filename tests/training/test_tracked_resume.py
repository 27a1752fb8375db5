"""That what a killed run repeats is reported once, and that the best of it is kept."""

import signal
from pathlib import Path

import pytest
import torch

from gan_color.config.schema import Config
from gan_color.training.loggers import base, wandb_logger
from gan_color.training.loggers.csv_log import CsvLog
from tests.helpers import wandb_file
from tests.helpers.processes import in_child
from tests.helpers.runs import changed, tiny_mapping


def test_a_run_killed_under_wandb_offline_is_one_run_without_a_doubled_step(
    sample_folders: tuple[Path, Path], tmp_path: Path
):
    mapping = tiny_mapping(sample_folders, tmp_path)
    mapping["loggers"] = {"wandb": "offline"}
    folder = tmp_path / "tiny"
    # Six images after a checkpoint, which the resumed run trains on and logs again.
    assert in_child(mapping, die=("reported", 42)) == -signal.SIGKILL
    assert in_child(mapping, resume=True) == 0

    killed, resumed = wandb_file.files(folder)
    found = [wandb_file.read(killed, ended=False), wandb_file.read(resumed)]
    assert len({r.run.run_id for part in found for r in part if r.HasField("run")}) == 1
    parts = [wandb_file.history(part) for part in found]
    assert parts[0][-1]["images"] == 42
    points = [
        (row["images"], key)
        for part in parts
        for row in part
        for key in row
        if not key.startswith("_")
    ]
    points = [point for point in points if point[1].partition(".")[0] not in ("images", "previews")]
    assert len(set(points)) == len(points)
    rows = CsvLog(folder / "log.csv").rows()
    expected = {
        (int(row["total_images"]), f"{row['stage']}/{name}")
        for row in rows
        for name, cell in row.items()
        if cell and name not in ("stage", "images", "total_images")
    }
    tables = {point for point in points if point[1].startswith("previews_table")}
    assert set(points) - tables == expected
    shown = [row["images"] for part in parts for row in part if "previews._type" in row]
    assert shown == [12, 24, 36, 48, 60, 72]
    assert {images for images, _ in tables} == {72}

    summary = wandb_file.summary(found[1])
    for stage in ("pretrain", "gan"):
        values = {
            int(r["total_images"]): float(r["psnr"])
            for r in rows
            if r["stage"] == stage and r["psnr"]
        }
        best = max(values, key=values.__getitem__)
        assert summary[f"{stage}/psnr_best"] == values[best]
        assert summary[f"{stage}/psnr_best_images"] == best
    assert summary["gan/psnr"] == float([row for row in rows if row["psnr"]][-1]["psnr"])


@pytest.mark.parametrize("known", [30, 24])
def test_what_the_server_has_and_this_machine_has_not_is_not_sent_again(
    tiny: Config, monkeypatch, known: int
):
    """A run that goes on from an artifact: log.csv ends at its checkpoint, the W&B run later."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    tiny.folder.mkdir(parents=True)
    before = wandb_logger.wandb.init

    def resumed(**options: object):
        run = before(**options)
        run.summary.update({"images": known})
        return run

    monkeypatch.setattr(wandb_logger.wandb, "init", resumed)
    row = {"stage": "gan", "images": "24", "total_images": "24", "psnr": "20.5"}
    reported = base.Reported("abc", 24, (row,))
    config = changed(tiny, "loggers.wandb=offline")
    logger = wandb_logger.WandbLogger(config, "offline", reported)
    for images, psnr in ((24, 20.5), (30, 19.0), (36, 21.0)):
        logger.log({"stage": "gan", "images": images, "total_images": images, "psnr": psnr})
        logger.previews({"EMA": torch.zeros(1, 3, 4, 4, dtype=torch.uint8)}, images)
    logger.finish()
    found = wandb_file.records(tiny.folder)
    rows = wandb_file.history(found)
    new = [36] if known == 30 else [30, 36]
    assert [row["images"] for row in rows if "gan/psnr" in row] == new
    assert [row["images"] for row in rows if "previews._type" in row] == new
    summary = wandb_file.summary(found)
    assert (summary["gan/psnr_best"], summary["gan/psnr_best_images"]) == (21.0, 36)
    assert {record.run.run_id for record in found if record.HasField("run")} == {"abc"}


def test_tensorboard_shows_what_is_repeated_once(tiny: Config):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from gan_color.training.loggers.tensorboard_logger import TensorboardLogger

    def log(reported: base.Reported, steps: list[int]) -> None:
        logger = TensorboardLogger(tiny, reported)
        for images in steps:
            logger.log({"stage": "gan", "total_images": images, "psnr": images / 10})
        logger.finish()

    log(base.Reported(), [12, 24, 36])
    log(base.Reported(None, 24, ({"total_images": "36"},)), [36, 48])
    events = EventAccumulator(str(tiny.folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("gan/psnr")] == [12, 24, 36, 48]
