"""That a run obeys the rule that ends a GAN stage, and that a study replays it."""

import json
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from benchmarks import inflection_study
from gan_color.config.schema import Config, parse
from gan_color.config.stages import EarlyStoppingConfig
from gan_color.errors import GanColorError
from gan_color.training import best_snapshot, trainer
from gan_color.training.early_stopping import SnapshotEvaluator
from gan_color.training.loggers import create
from gan_color.training.loggers.base import Logger
from gan_color.training.loggers.csv_log import CsvLog
from tests.helpers.processes import contents, in_child
from tests.helpers.runs import tiny_mapping
from tests.helpers.weights import backbone_file


def watched(folders: tuple[Path, Path], place: Path, weights: Path, **settings: object) -> dict:
    """A tiny run whose GAN stage is evaluated every 12 of 60 images."""
    mapping: dict = tiny_mapping(folders, place)
    gan = mapping["stages"][2]
    gan["images"] = 60
    gan["early_stopping"] = {
        "eval_every": 12,
        "num_images": 4,
        "patience": 2,
        "feature_extractor": {"backbone": "resnet18", "weights": str(weights)},
        **settings,
    }
    return mapping


@pytest.fixture
def scripted(monkeypatch) -> list[float]:
    """Frechet distances to come, in the order of evaluations."""
    coming: list[float] = []
    original = SnapshotEvaluator.evaluate

    def evaluate(self: SnapshotEvaluator, *args: object) -> dict:
        found = original(self, *args)
        guards = {"colorfulness_ratio": 1.0, "skin_hue": 0.0, "skin_chroma": 0.0}
        return found | guards | {"frechet": coming.pop(0)}

    monkeypatch.setattr(SnapshotEvaluator, "evaluate", evaluate)
    return coming


def ema_weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {
        path.parent.name: load_file(path)
        for path in (folder / "checkpoints").glob("*/ema.safetensors")
    }


def test_a_run_stops_and_goes_back_to_the_best(
    sample_folders, tmp_path, scripted, capsys, monkeypatch
):
    named: list[str] = []

    class Tracker(Logger):
        def model(self, path: Path, metadata: dict[str, object], aliases: list[str]) -> None:
            named.extend(aliases)

    monkeypatch.setattr(create, "create_logger", lambda config, reported: Tracker())
    scripted += [1.0, 0.5, 0.6, 0.7]
    config = parse(watched(sample_folders, tmp_path, backbone_file(tmp_path)))
    trainer.train(config)
    assert named == ["final", "gan", "best"]
    assert scripted == []  # three of five epochs
    found = json.loads((config.folder / "early_stopping.json").read_text())
    assert found["ended"]
    assert (found["best"]["images"], found["best"]["checkpoint"]) == (12, "gan-0000012")
    assert [j["images"] for j in found["evaluations"]] == [0, 12, 24, 36]
    kept = ema_weights(config.folder)
    best, last = kept["gan-0000012"], kept["gan-0000036"]
    assert all(torch.equal(best[key], last[key]) for key in best)
    assert not all(torch.equal(best[k], v) for k, v in kept["gan-0000000"].items())
    assert "back to gan 12 of 36 images" in capsys.readouterr().err
    rows = [row for row in CsvLog(config.folder / "log.csv").rows() if row["snapshot_frechet"]]
    assert [float(row["snapshot_frechet"]) for row in rows] == [1.0, 0.5, 0.6, 0.7]
    assert "Early stopping" in (config.folder / "report.html").read_text()


def test_a_stage_without_gain_goes_back_to_its_start(sample_folders, tmp_path, scripted):
    scripted += [1.0, 1.2, 1.3]
    config = parse(watched(sample_folders, tmp_path, backbone_file(tmp_path)))
    trainer.train(config)
    kept = ema_weights(config.folder)
    start = kept["discriminator-0000024"]
    assert all(torch.equal(start[key], v) for key, v in kept["gan-0000024"].items())


def test_cycles_go_on_while_they_gain(sample_folders, tmp_path, scripted):
    scripted += [1.0, 0.5, 0.6, 0.6]  # cycle 1 ends at its third epoch
    scripted += [0.5, 0.4, 0.45, 0.45]  # cycle 2 gains
    scripted += [0.4, 0.5, 0.5]  # cycle 3 does not, so there is no fourth
    mapping = watched(sample_folders, tmp_path, backbone_file(tmp_path))
    mapping["stages"][2]["cycles"] = 5
    config = parse(mapping)
    names = [scheduled.stage.name for scheduled in config.schedule]
    assert names[-4:] == ["discriminator_4", "gan_4", "discriminator_5", "gan_5"]
    trainer.train(config)
    assert scripted == []
    found = json.loads((config.folder / "early_stopping.json").read_text())
    assert (found["best"]["stage"], found["best"]["images"]) == ("gan_2", 12)
    rows = CsvLog(config.folder / "log.csv").rows()
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    assert stages[-4:] == ["discriminator_2", "gan_2", "discriminator_3", "gan_3"]
    kept = ema_weights(config.folder)
    assert all(torch.equal(kept["gan_2-0000012"][k], v) for k, v in kept["gan_3-0000024"].items())


def test_a_watched_run_killed_and_resumed_ends_bit_identical(sample_folders, tmp_path):
    weights = backbone_file(tmp_path)
    # Nothing ever counts as gain: the stage ends after two epochs, back at its start.
    settings = {"min_delta": 10.0}
    unbroken = watched(sample_folders, tmp_path / "unbroken", weights, **settings)
    broken = watched(sample_folders, tmp_path / "broken", weights, **settings)
    for mapping in (unbroken, broken):
        mapping["stages"].append({**mapping["stages"][0], "name": "after", "images": 12})
    assert in_child(unbroken) == 0
    # The first time before the stage's first update is saved: its start is evaluated once.
    assert in_child(broken, die=("images", 54)) == -signal.SIGKILL
    assert in_child(broken, True, ("images", 66)) == -signal.SIGKILL
    assert in_child(broken, True, ("images", 78)) == -signal.SIGKILL
    assert in_child(broken, True) == 0
    expected, found = (contents(tmp_path / name / "tiny") for name in ("unbroken", "broken"))
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    curves = [
        json.loads((tmp_path / name / "tiny" / "early_stopping.json").read_text())
        for name in ("unbroken", "broken")
    ]
    assert curves[0] == curves[1]
    assert len(curves[0]["evaluations"]) == 3


def test_a_model_without_pretrained_encoder_needs_a_feature_extractor(tiny: Config):
    mapping = tiny.model_dump(mode="json")
    mapping["stages"][2]["early_stopping"] = {"eval_every": 12}
    with pytest.raises(
        GanColorError, match=r"stages\.gan\.early_stopping\.feature_extractor: found none"
    ):
        trainer.train(parse(mapping))


def test_the_models_own_encoder_is_the_default_feature_extractor(tiny: Config, tmp_path):
    mapping = tiny.model_dump(mode="json")
    mapping["stages"][2]["early_stopping"] = {"eval_every": 12}
    mapping["model"] |= {"encoder": "resnet18", "encoder_weights": str(tmp_path / "w.safetensors")}
    config = parse(mapping)
    with pytest.raises(GanColorError, match=r"frechet: found no weights '.*/w.safetensors'"):
        best_snapshot.create_extractor(config, config.stages[2])
    backbone_file(tmp_path).rename(tmp_path / "w.safetensors")
    assert best_snapshot.create_extractor(config, config.stages[2]).name.startswith("resnet18")


def test_cycles_need_a_discriminator_stage(tiny: Config):
    mapping = tiny.model_dump(mode="json")
    mapping["stages"][2]["cycles"] = 2
    del mapping["stages"][1]
    with pytest.raises(GanColorError, match=r"stages\.gan\.cycles: found 2, expected 1"):
        parse(mapping)


def test_a_study_finds_the_rules_pick_and_the_best(sample_folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(inflection_study, "RESAMPLES", 5)
    weights = backbone_file(tmp_path)
    mapping = watched(sample_folders, tmp_path, weights, stop_early=False, num_images=2)
    mapping["run"]["keep"] = 99
    val = tmp_path / "val"
    val.mkdir()
    source = Image.open(next(sample_folders[1].glob("*"))).convert("RGB")
    for i in range(24):
        source.crop((i, i, i + 60, i + 60)).save(val / f"{i:02}.png")
    mapping["data"]["val"] = [str(val)]
    config = parse(mapping)
    trainer.train(config)
    found = inflection_study.study_run(config.folder)
    assert found["snapshots"] == len(found["scores"]) == 6
    assert found["images"] == 22
    assert found["best_score"] == pytest.approx(min(found["scores"]), abs=1e-4)
    assert found["picked_score"] >= found["best_score"]
    assert found["before_score"] == pytest.approx(found["scores"][0], abs=1e-4)
    content = json.loads((config.folder / "early_stopping.json").read_text())
    stopping = EarlyStoppingConfig(**content["rule"]).model_copy(update={"stop": True})
    picked = inflection_study.replay(content["evaluations"], stopping)
    assert found["picked"] == content["evaluations"][picked]["images"]
    with pytest.raises(GanColorError, match=r"found no early_stopping\.json"):
        inflection_study.study_run(tmp_path)
