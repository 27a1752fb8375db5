"""Where a run reports to."""

import json
import sys
from pathlib import Path

import pytest
import torch
import wandb
import yaml
from PIL import Image

from gan_color.config.schema import Config, load
from gan_color.config.yaml_file import find_recipe, overrides_of
from gan_color.errors import GanColorError
from gan_color.training import run_folder, trainer
from gan_color.training.loggers import base, create, tolerant, wandb_logger
from gan_color.training.loggers.csv_log import CsvLog
from tests.helpers import wandb_file
from tests.helpers.runs import REPOSITORY, changed


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


def watched(monkeypatch, cls: type) -> dict[str, list]:
    """What a tracker is told, by the name of the method."""
    seen: dict[str, list] = {}
    for name in ("log", "previews", "dataset", "checkpoint", "model", "summary"):
        original = getattr(cls, name)

        def told(self, *args, _name: str = name, _original=original) -> None:
            seen.setdefault(_name, []).append(args)
            _original(self, *args)

        monkeypatch.setattr(cls, name, told)
    return seen


def test_an_offline_wandb_run_is_complete(tiny: Config, monkeypatch):
    """The whole of a run goes to W&B's local files."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    seen = watched(monkeypatch, wandb_logger.WandbLogger)
    trainer.train(changed(tiny, "loggers.wandb=offline", "loggers.checkpoints=true"))
    assert len(seen["log"]) == len(CsvLog(tiny.folder / "log.csv").rows())
    assert [path for path, _ in seen["model"]] == [tiny.folder / "model.safetensors"]
    assert [stage for _, stage in seen["checkpoint"]] == ["pretrain", "discriminator", "gan"]
    rows, _ = seen["previews"][0]
    assert list(rows) == ["gray", "EMA", "raw", "truth"]
    assert all(images.shape == (2, 3, 32, 32) for images in rows.values())
    assert not torch.equal(rows["EMA"], rows["raw"])
    manifest = (tiny.folder / "manifest.csv").read_text().splitlines()
    assert seen["dataset"][0][0] == tiny.folder / "manifest.csv"
    assert manifest[0] == "split,path,digest,source,label"
    kinds = [line.split(",")[0] for line in manifest[1:]]
    assert kinds.count("val") == 14
    assert kinds.count("train") == len(kinds) - 14 > 14
    stored = list((tiny.folder / "wandb").glob("offline-run-*/*.wandb"))
    assert len(stored) == 1
    assert stored[0].stat().st_size > 10_000


def test_stages_are_columns_of_wandbs_table(tiny: Config, monkeypatch):
    """By name in W&B's configuration; config.yml keeps its list."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    tiny.folder.mkdir(parents=True)
    config = changed(tiny, "loggers.wandb=offline", "stages.gan.lr=0.005")
    logger = wandb_logger.WandbLogger(config, "offline", None)
    logger.finish()
    updates = [
        update
        for record in wandb_file.records(tiny.folder)
        for update in (*record.run.config.update, *record.config.update)
    ]
    stored = {update.key: json.loads(update.value_json) for update in updates}
    assert list(stored["stages"]) == ["pretrain", "discriminator", "gan"]
    assert stored["stages"]["gan"]["lr"] == 0.005
    assert stored["run"]["name"] == "tiny"


def test_previews_are_steps_of_one_panel(tiny: Config, monkeypatch):
    """Lists of captioned images, which W&B gives a slider over steps."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    tiny.folder.mkdir(parents=True)
    logger = wandb_logger.WandbLogger(changed(tiny, "loggers.wandb=offline"), "offline", None)
    shades = {"gray": 10, "EMA": 20, "raw": 30, "truth": 40}
    rows = {n: torch.full((2, 3, 8, 6), v, dtype=torch.uint8) for n, v in shades.items()}
    for total_images in (12, 24):
        logger.previews(rows, total_images)
    logger.finish()

    logged = []
    for record in wandb_file.records(tiny.folder):
        items = {".".join(i.nested_key): i.value_json for i in record.history.item}
        if items:
            logged.append({key: json.loads(value) for key, value in items.items()})
    assert [row["images"] for row in logged] == [12, 24]
    for row in logged:
        assert row["previews._type"] == "images/separated"
        assert row["previews.captions"] == [
            "image 1: gray | EMA | raw | truth",
            "image 2: gray | EMA | raw | truth",
        ]
        for name in row["previews.filenames"]:
            (path,) = (tiny.folder / "wandb").glob(f"offline-run-*/files/{name}")
            with Image.open(path) as image:
                assert image.size == (4 * 6, 8)
                shown = [image.getpixel((6 * i + 3, 4)) for i in range(4)]
            assert shown == [(v, v, v) for v in shades.values()]


def test_a_resumed_run_goes_on_in_the_same_wandb_run(tiny: Config, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    ids = []
    original = wandb_logger.WandbLogger.__init__

    def kept(self, config, mode, run_id) -> None:
        original(self, config, mode, run_id)
        ids.append((run_id, self.run_id))

    monkeypatch.setattr(wandb_logger.WandbLogger, "__init__", kept)
    trainer.train(changed(tiny, "loggers.wandb=offline"))
    trainer.train(run_folder.resume_config(tiny.folder), resume=True)
    (first_wanted, first), (again_wanted, again) = ids
    assert first_wanted is None
    assert again_wanted == again == first


def test_an_error_of_the_server_never_ends_a_training(tiny: Config, monkeypatch, capsys):
    """Every call to W&B fails the first time, those of the curves and the end each time."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    tried: dict[str, int] = {}
    stored = []

    def failing(cls: type, name: str, times: float, before: bool = False) -> None:
        original = getattr(cls, name)

        def call(self, *args, **kwargs):
            tried[name] = tried.get(name, 0) + 1
            if before:
                original(self, *args, **kwargs)
            if tried[name] <= times:
                raise wandb.errors.CommError("the server\nis gone")
            stored.append((name, *args))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(cls, name, call)

    run = wandb.Run
    failing(run, "log", float("inf"))
    failing(run, "log_artifact", 5)  # the manifest, three checkpoints, the model
    failing(run, "finish", float("inf"), before=True)
    failing(wandb_logger.WandbLogger, "summary", 1)
    monkeypatch.setattr(trainer.Trainer, "finish", _with_summary(trainer.Trainer.finish))

    path = trainer.train(changed(tiny, "loggers.wandb=offline", "loggers.checkpoints=true"))

    assert path.exists()
    rows = CsvLog(tiny.folder / "log.csv").rows()
    assert tried["log"] == len(rows) + sum(bool(row["psnr"]) for row in rows)
    kinds = [args[0].type for name, *args in stored if name == "log_artifact"]
    assert kinds == ["dataset", "checkpoint", "checkpoint", "checkpoint", "model"]
    assert [args for name, *args in stored if name == "summary"] == [[{"gan/best": 1}]]
    assert tried["finish"] == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("W&B:")]
    assert len(said) == 1
    assert "(the server is gone)" in said[0]


def _with_summary(finish):
    def call(self):
        self.state.logger.summary({"gan/best": 1})
        return finish(self)

    return call


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConnectionError(), "ConnectionError"), (ValueError("409"), "409"), (OSError("pipe"), "pipe")],
)
def test_what_fails_again_at_the_end_is_named(capsys, error: Exception, reason: str):
    class Gone(base.Logger):
        def model(self, path: Path, metadata: dict) -> None:
            raise error

    logger = tolerant.Tolerant(Gone(), "W&B")
    logger.model(Path("model.safetensors"), {})
    logger.finish()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"W&B: model failed ({reason}): the training goes on")
    assert second == "W&B: model failed again at the end; the run's folder has it"


def test_tensorboard_gets_the_same_figures(tiny: Config):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer.train(changed(tiny, "loggers.tensorboard=true"))
    events = EventAccumulator(str(tiny.folder / "tensorboard"))
    events.Reload()
    rows = [row for row in CsvLog(tiny.folder / "log.csv").rows() if row["psnr"]]
    found = [
        (event.step, event.value)
        for stage in ("pretrain", "discriminator", "gan")
        for event in events.Scalars(f"{stage}/psnr")
    ]
    expected = [(int(row["total_images"]), float(row["psnr"])) for row in rows]
    assert found == [(step, pytest.approx(value, rel=1e-5)) for step, value in expected]
    assert events.Tags()["images"]


def test_a_missing_tensorboard_is_one_sentence(tiny: Config, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_color.training.loggers.tensorboard_logger", None)
    config = changed(tiny, "loggers.tensorboard=true")
    with pytest.raises(GanColorError, match=r"gan-color\[tensorboard\]"):
        create.create_logger(config, None)


@pytest.mark.parametrize(
    ("key", "reachable", "tried", "said"),
    [
        (None, True, ["offline"], "no API key"),
        ("x" * 40, True, ["online"], ""),
        ("x" * 40, False, ["online", "offline"], "no route to host"),
    ],
)
def test_a_run_goes_on_offline_and_says_why(
    tiny: Config, monkeypatch, capsys, key, reachable, tried, said
):
    modes = []

    class Recorded(base.Logger):
        def __init__(self, config: Config, mode: str, run_id: str | None) -> None:
            modes.append(mode)
            if mode == "online" and not reachable:
                raise wandb.errors.CommError("no route to host")

    monkeypatch.setattr(wandb_logger, "WandbLogger", Recorded)
    monkeypatch.setattr(wandb_logger, "has_key", lambda: key is not None)
    create.create_logger(changed(tiny, "loggers.wandb=online"), None)
    assert modes == tried
    found = capsys.readouterr().err
    assert said in found if said else found == ""


def test_the_sweep_names_keys_that_exist(tmp_path: Path):
    """Every parameter of the sweep file is a key of the configuration it sweeps."""
    sweep = yaml.safe_load((REPOSITORY / "configs" / "sweeps" / "unet_small.yml").read_text())
    command = sweep["command"]
    config = find_recipe(command[command.index("--config") + 1])
    values = {k: (v.get("values") or [v.get("min")])[0] for k, v in sweep["parameters"].items()}
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps(values))
    chosen = load(config, tuple(overrides_of(path)))
    assert chosen.stages[-1].lr == values[f"stages.{chosen.stages[-1].name}.lr"]
    assert sweep["metric"]["name"].partition("/")[0] in {s.name for s in chosen.stages}
