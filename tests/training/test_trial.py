"""What later stages need is tried before the first update, and leaves no trace."""

import errno
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_color.config.schema import Config, parse
from gan_color.errors import GanColorError
from gan_color.training import checkpoint, trainer
from gan_color.training.callbacks.updates import noise_state
from gan_color.training.early_stopping import SnapshotEvaluator
from gan_color.training.trainer import Trainer
from gan_color.training.trial import stages_left
from gan_color.training.validator import Validator
from tests.helpers.processes import contents
from tests.helpers.runs import changed, tiny_mapping
from tests.helpers.weights import backbone_file


@pytest.fixture
def mapping(sample_folders: tuple[Path, Path], tmp_path: Path) -> dict[str, Any]:
    """A run that needs every kind of thing later: dropout, BatchNorm, weights, snapshots."""
    weights = str(backbone_file(tmp_path))
    found: dict[str, Any] = tiny_mapping(sample_folders, tmp_path / "runs", trial=True)
    found["model"] = {"name": "pix2pix", "base_channels": 4, "num_downs": 6}
    for stage in found["stages"]:
        stage |= {"size": 64, "images": 12}
    found["stages"][2] |= {
        "perceptual": {"weight": 1.0, "backbone": "resnet18", "weights": weights},
        "early_stopping": {
            "eval_every": 6,
            "num_images": 4,
            "feature_extractor": {"backbone": "resnet18", "weights": weights},
        },
    }
    return found


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_run_is_bit_for_bit_the_one_without_a_trial(mapping: dict[str, Any], capsys):
    trainer.train(parse(mapping))
    assert (
        "trial: validation, checkpoint, model file, perceptual loss, snapshot evaluation of 3"
        in (capsys.readouterr().err)
    )
    plain = {**mapping, "run": {**mapping["run"], "name": "plain", "trial": False}}
    trainer.train(parse(plain))
    assert "trial" not in capsys.readouterr().err
    found, expected = (parse(m).folder for m in (mapping, plain))
    assert files(found) == files(expected)
    one, other = contents(found), contents(expected)
    for values in (one, other):
        values.pop("model.safetensors")  # its header has the run's name
    assert one.keys() == other.keys()
    assert [name for name in other if one[name] != other[name]] == []


def copied(run: Trainer) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, values in run.networks.tensors().items()
        for key, value in values.items()
    }


def test_a_trial_moves_nothing(mapping: dict[str, Any]):
    config = parse(mapping)
    (config.folder / "checkpoints").mkdir(parents=True)
    run = Trainer(config, None)
    for module in (run.networks.generator, run.networks.discriminator):
        assert module is not None
        module.train()
    before = copied(run)
    noise, state = noise_state(run.device)["cpu"], run.state.state_dict()
    there = files(config.folder)
    run.try_ahead()
    after = copied(run)
    assert any("running_mean" in key for key in before)
    assert [key for key in before if not torch.equal(before[key], after[key])] == []
    assert torch.equal(noise, noise_state(run.device)["cpu"])
    assert (state, there) == (run.state.state_dict(), files(config.folder))
    assert run.networks.ema.images == 0
    assert all(parameter.grad is None for parameter in run.networks.generator.parameters())
    assert run.checkpoints.optimizers == {}


def test_each_thing_is_tried_once(mapping: dict[str, Any], monkeypatch):
    mapping["stages"].append({**mapping["stages"][2], "name": "more"})
    mapping["stages"].append({**mapping["stages"][2], "name": "larger", "size": 128})
    seen: list[str] = []
    for owner, name in ((Validator, "evaluate"), (SnapshotEvaluator, "evaluate")):
        original = getattr(owner, name)

        def watched(self, *args, _original=original, _owner=owner):
            seen.append(f"{_owner.__name__} {self.images.truth.shape[-1]}")
            return _original(self, *args)

        monkeypatch.setattr(owner, name, watched)
    config = parse(mapping)
    (config.folder / "checkpoints").mkdir(parents=True)
    Trainer(config, None).try_ahead()
    assert sorted(seen) == [
        f"{w} {s}" for w in ("SnapshotEvaluator", "Validator") for s in (128, 64)
    ]


def test_two_batches_are_enough(mapping: dict[str, Any], monkeypatch):
    seen: list[int] = []
    original = Validator.evaluate

    def watched(self, model):
        seen.append(len(self.images.truth))
        return original(self, model)

    monkeypatch.setattr(Validator, "evaluate", watched)
    mapping["run"]["val_images"] = 64
    mapping["data"]["val"] = mapping["data"]["folders"]
    config = parse(mapping)
    (config.folder / "checkpoints").mkdir(parents=True)
    run = Trainer(config, None)
    run.data.val.extend(run.data.val * 40)
    run.try_ahead()
    assert seen == [32]


# --- What is broken is said at once ------------------------------------------------------------


def refused(mapping: dict[str, Any]) -> str:
    """The sentence that a run ends with before anything of it was trained or tracked."""
    config = parse(mapping)
    with pytest.raises(GanColorError) as caught:
        trainer.train(config)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("run.trial: the ")
    assert "mend that and start again (run.trial=false puts the trial off)" in message
    assert not (config.folder / "log.csv").exists()
    assert not (config.folder / "data.json").exists()  # what is written when logs are opened
    assert files(config.folder) == {"config.yml", "checkpoints", ".lock"}
    return message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"perceptual": {"weight": 1.0, "backbone": "resnet18", "weights": "/no.safetensors"}},
            r"perceptual loss of stage gan does not work: .*/no.safetensors",
        ),
        (
            {"perceptual": {"weight": 1.0, "weights": "/no.safetensors"}},
            r"perceptual loss of stage gan does not work: .*/no.safetensors",
        ),
        (
            {
                "early_stopping": {
                    "eval_every": 6,
                    "feature_extractor": {"backbone": "resnet18", "weights": "/no.safetensors"},
                }
            },
            r"snapshot evaluation of stage gan does not work: frechet: found no weights '/no",
        ),
        (
            {"early_stopping": {"eval_every": 6}},
            r"snapshot evaluation of stage gan does not work: stages\.gan\.early_stopping",
        ),
    ],
)
def test_weights_of_later_stages_are_missed_at_once(
    mapping: dict[str, Any], change: dict[str, Any], expected: str
):
    mapping["stages"][2] |= change
    assert re.search(expected, refused(mapping))


def test_layer_weights_that_do_not_fit_are_found(mapping: dict[str, Any]):
    mapping["stages"][2]["perceptual"]["layer_weights"] = [1.0]
    assert "perceptual.layer_weights: found 1 numbers, expected" in refused(mapping)


def test_validation_that_fails_is_found(mapping: dict[str, Any], monkeypatch):
    def fail(self, model):
        raise RuntimeError("no\n  kernel")

    monkeypatch.setattr(Validator, "evaluate", fail)
    expected = "the validation of stage pretrain does not work: RuntimeError: no kernel; nothing"
    assert expected in refused(mapping)


@pytest.mark.parametrize("name", ["save_file", "sha256"])
def test_checkpoints_that_cannot_be_written_are_found(mapping: dict[str, Any], monkeypatch, name):
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, name, full)
    message = refused(mapping)
    assert "the checkpoint of stage pretrain does not work: checkpoint: cannot write" in message
    assert "No space left on device" in message


def test_a_broken_trial_may_be_put_off(mapping: dict[str, Any]):
    mapping["stages"][2]["perceptual"]["layer_weights"] = [1.0]
    mapping["run"]["trial"] = False
    with pytest.raises(GanColorError, match=r"^perceptual\.layer_weights: found 1"):
        trainer.train(parse(mapping))
    assert (parse(mapping).folder / "log.csv").exists()  # two stages later


def test_only_what_is_left_is_tried(tiny: Config):
    config = changed(tiny, "run.trial=true")
    state = trainer.TrainingState(config)
    names = ["pretrain", "discriminator", "gan"]
    assert [scheduled.stage.name for scheduled in stages_left(config, state)] == names
    state.stage_index, state.images = 1, 12
    assert [scheduled.stage.name for scheduled in stages_left(config, state)] == names[1:]
    state.images = 24
    assert [scheduled.stage.name for scheduled in stages_left(config, state)] == names[2:]
    state.stage_index, state.images, state.stage_ended = 2, 12, True
    assert stages_left(config, state) == []
