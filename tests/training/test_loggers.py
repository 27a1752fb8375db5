"""Where a run reports to."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import wandb
import yaml
from PIL import Image
from wandb import wandb_agent

from gan_color.config.loggers import WandbConfig
from gan_color.config.schema import Config, parse
from gan_color.config.yaml_file import flatten
from gan_color.errors import GanColorError
from gan_color.training import run_folder, trainer
from gan_color.training.builders import plan_epochs
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
    assert [path for path, *_ in seen["model"]] == [tiny.folder / "model.safetensors"]
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
    logger = wandb_logger.WandbLogger(config, "offline", base.Reported())
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
    config = changed(tiny, "loggers.wandb=offline")
    logger = wandb_logger.WandbLogger(config, "offline", base.Reported())
    shades = {"gray": 10, "EMA": 20, "raw": 30, "truth": 40}
    rows = {n: torch.full((2, 3, 8, 6), v, dtype=torch.uint8) for n, v in shades.items()}
    for total_images in (12, 24):
        logger.previews(rows, total_images)
    logger.finish()

    logged = wandb_file.history(wandb_file.records(tiny.folder))
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


def test_a_finished_run_is_not_opened_again(tiny: Config, monkeypatch):
    """But for one with more to train: it goes on in the same W&B run."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    ids = []
    original = wandb_logger.WandbLogger.__init__

    def kept(self, config, mode, reported) -> None:
        original(self, config, mode, reported)
        ids.append((reported.run_id, self.run_id))

    monkeypatch.setattr(wandb_logger.WandbLogger, "__init__", kept)
    path = trainer.train(changed(tiny, "loggers.wandb=offline"))
    model = path.read_bytes()
    trainer.train(run_folder.resume_config(tiny.folder), resume=True)
    assert len(ids) == 1
    assert path.read_bytes() == model
    longer = run_folder.resume_config(tiny.folder, ("stages.gan.images=36",))
    trainer.train(longer, resume=True)
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
    previews = sum(bool(row["psnr"]) for row in rows)
    assert tried["log"] == len(rows) + previews + 1  # the table at the end
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
        def model(self, path: Path, metadata: dict, aliases: list[str]) -> None:
            raise error

    logger = tolerant.Tolerant(Gone(), "W&B")
    logger.model(Path("model.safetensors"), {}, ["final"])
    logger.finish()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"W&B: model failed ({reason}): the training goes on")
    assert second == "W&B: model failed again at the end; the run's folder has it"


def test_tensorboard_gets_the_same_figures(tiny: Config):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

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
    tags = events.Tags()
    assert tags["images"] == ["gray | EMA | raw | truth"]
    (text,) = (event.tensor_proto.string_val[0] for event in events.Tensors("config/text_summary"))
    written = (tiny.folder / "config.yml").read_text().splitlines()
    assert [line.removeprefix("    ") for line in text.decode().splitlines()] == written
    stored = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = HParamsPluginData.FromString(stored).session_start_info.hparams
    assert start["stages.gan.lr"].number_value == 1e-3
    assert start["model.name"].string_value == "unet"


def test_a_missing_tensorboard_is_one_sentence(tiny: Config, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_color.training.loggers.tensorboard_logger", None)
    config = changed(tiny, "loggers.tensorboard=true")
    with pytest.raises(GanColorError, match=r"gan-color\[tensorboard\]"):
        create.create_logger(config, base.Reported())


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
        def __init__(self, config: Config, mode: str, reported: base.Reported) -> None:
            modes.append(mode)
            if mode == "online" and not reachable:
                raise wandb.errors.CommError("no route to host")

    monkeypatch.setattr(wandb_logger, "WandbLogger", Recorded)
    monkeypatch.setattr(wandb_logger, "has_key", lambda: key is not None)
    create.create_logger(changed(tiny, "loggers.wandb=online"), base.Reported())
    assert modes == tried
    found = capsys.readouterr().err
    assert said in found if said else found == ""


def test_wandbs_agent_starts_the_trial_that_the_sweep_means(tmp_path: Path, monkeypatch):
    """Its own code writes the command, from the clone; the configuration is what comes of it."""
    sweep = yaml.safe_load((REPOSITORY / "configs" / "sweeps" / "unet_small.yml").read_text())
    assert sweep["project"] == WandbConfig().project
    values = {k: (v.get("values") or [v.get("min")])[0] for k, v in sweep["parameters"].items()}
    monkeypatch.setattr(wandb_agent, "AgentProcess", lambda **made: SimpleNamespace(**made))
    for name, value in (
        ("WANDB_SWEEP_ID", "s"),
        ("WANDB_RUN_ID", ""),
        ("WANDB_SWEEP_PARAM_PATH", ""),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "wandb" / "sweep-s").mkdir(parents=True)
    agent = wandb_agent.Agent.__new__(wandb_agent.Agent)
    agent._in_jupyter = agent._function = agent._forward_signals = None
    agent._sweep_command, agent._run_processes = sweep["command"], {}
    order = {"run_id": "abc", "program": sweep["program"]}
    agent._command_run({**order, "args": {k: {"value": v} for k, v in values.items()}})
    (process,) = agent._run_processes.values()
    found = subprocess.run(
        [*process.command, "--dry-run", "--no-measure"],
        cwd=REPOSITORY,
        env=process.env,
        capture_output=True,
        text=True,
        check=True,
    )
    config = parse(yaml.safe_load(found.stdout))
    assert (config.loggers.wandb.mode, config.run.name) == ("online", "unet_small-abc")
    for key, value in values.items():
        assert flatten(config.model_dump(mode="json"))[key] == value
    assert sweep["metric"]["name"].partition("/")[0] == config.schedule[-1].stage.name
    assert plan_epochs(config.schedule[-1].stage, config.run.epoch_images) == (3, 10)
