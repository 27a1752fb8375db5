"""That a killed run, resumed, ends as if it had not been; what is in the way is kept."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from gan_color.config.schema import Config
from gan_color.errors import GanColorError
from gan_color.models import registry
from gan_color.training import checkpoint, run_folder, trainer
from tests.helpers.processes import ENDED_WHEN_ASKED, contents, in_child
from tests.helpers.runs import changed, tiny_mapping
from tests.helpers.weights import weights_file


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_killed_again_and_again_ends_bit_identical(
    sample_folders: tuple[Path, Path], tmp_path: Path, workers: int
):
    unbroken = tiny_mapping(sample_folders, tmp_path / "unbroken")
    broken = tiny_mapping(sample_folders, tmp_path / "broken")
    for mapping in (unbroken, broken):
        mapping["data"]["workers"] = workers
    assert in_child(unbroken) == 0
    folder = tmp_path / "broken" / "tiny"

    # While the first checkpoint is written: nothing whole is there yet.
    assert in_child(broken, die=("sync", 5)) == -signal.SIGKILL
    assert checkpoint.find(folder / "checkpoints") == []
    assert list((folder / "checkpoints").glob(".*.part"))
    # In the second stage, between two checkpoints.
    assert in_child(broken, True, ("images", 42)) == -signal.SIGKILL
    assert checkpoint.find(folder / "checkpoints")[-1].state["total_images"] == 36
    # While a checkpoint of the third stage is written.
    assert in_child(broken, True, ("sync", 17)) == -signal.SIGKILL
    assert checkpoint.find(folder / "checkpoints")[-1].state["total_images"] == 60
    assert in_child(broken, True) == 0

    expected, found = contents(tmp_path / "unbroken" / "tiny"), contents(folder)
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []


def features(place: Path) -> dict[str, Any]:
    """The section of a critic on the features of a tiny network."""
    weights = weights_file(place / "backbone.safetensors", "test_resnet")
    gate = {"closed": 1.0, "open": 0.4}
    return {"backbone": "test_resnet", "weights": str(weights), "width": 8, "gate": gate}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_is_asked_to_end_saves_at_once_and_goes_on_bit_identical(
    sample_folders: tuple[Path, Path], tmp_path: Path, workers: int
):
    """Within an epoch and at its end. The model has dropout, whose noise must go on as well, and
    that of approximate R1, translation and APA, whose probability is kept; a gated critic must have
    its heads, their singular vectors and its running accuracy.
    """
    unbroken, broken = (tiny_mapping(sample_folders, tmp_path / name) for name in "ub")
    for mapping in (unbroken, broken):
        mapping["data"]["num_workers"] = workers
        mapping["model"] = {"name": "pix2pix", "base_channels": 4, "num_downs": 6}
        mapping["discriminator"]["features"] = features(tmp_path)
        for stage in mapping["stages"]:
            stage["size"] = 64  # the least that six halvings leave a position of
        for stage in mapping["stages"][1:]:
            stage["gan_mode"] = "hinge"  # so that an untrained critic is right now and then
            stage |= {"r1_weight": 1.0, "discriminator_translation": 0.125}
        mapping["stages"][2] |= {"apa_target": 0.01, "apa_images": 20}
    dropped = registry.create("pix2pix", base_channels=4, num_downs=6).modules()
    assert any(isinstance(module, nn.Dropout) for module in dropped)
    assert in_child(unbroken) == 0
    folder = tmp_path / "b" / "tiny"
    for images, name in (
        (6, "pretrain-0000006"),
        (36, "discriminator-0000012"),
        (66, "gan-0000018"),
    ):
        assert in_child(broken, resume=images > 6, die=("asked", images)) == ENDED_WHEN_ASKED
        assert checkpoint.find(folder / "checkpoints")[-1].folder.name == name
    assert in_child(broken, True) == 0
    expected, found = contents(tmp_path / "u" / "tiny"), contents(folder)
    for name in ("model", "discriminator", "optimizers"):
        last = f"checkpoints/gan-0000024/{name}.safetensors"
        assert expected[last] == found[last]
    assert expected["model.safetensors"] == found["model.safetensors"]
    assert expected["log"] == found["log"]
    for name in ("feature_gate", "apa_probability", "r1"):
        logged = {row[name] for row in json.loads(found["log"])} - {""}
        assert len(logged) > 2, name


def test_a_critic_is_not_resumed_on_another_backbone(tiny: Config, tmp_path: Path):
    config = changed(tiny, f"discriminator.features={json.dumps(features(tmp_path))}")
    trainer.train(config)
    kept = checkpoint.find(config.folder / "checkpoints")[-1].folder / "discriminator.safetensors"
    assert kept.stat().st_size < (tmp_path / "backbone.safetensors").stat().st_size
    other = weights_file(tmp_path / "other.safetensors", "test_resnet", seed=2)
    with pytest.raises(GanColorError, match=r"discriminator\.features: .* same weights file"):
        trainer.train(changed(config, f"discriminator.features.weights={other}"), resume=True)


def test_resuming_a_finished_run_changes_nothing(tiny: Config):
    before = trainer.train(tiny).read_bytes()
    again = trainer.train(run_folder.resume_config(tiny.folder), resume=True)
    assert again.read_bytes() == before


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "a bit of a tensor": lambda folder: flip(folder / "model.safetensors", -1),
    "a bit of a header": lambda folder: flip(folder / "optimizers.safetensors", 20),
    "a bit of the state": lambda folder: flip(folder / "state.json", 30),
    "a file cut short": lambda folder: os.truncate(folder / "ema.safetensors", 100),
    "a file less": lambda folder: (folder / "discriminator.safetensors").unlink(),
    "no state": lambda folder: (folder / "state.json").write_text("{"),
    "no sums, and cut short": lambda folder: (
        (folder / "SHA256SUMS").unlink(),
        os.truncate(folder / "ema.safetensors", 100),
    ),
}


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(tiny: Config, capsys):
    trainer.train(tiny)
    checkpoints = tiny.folder / "checkpoints"
    older, newest = (found.folder for found in checkpoint.find(checkpoints)[-2:])
    kept = tiny.folder / "kept"
    shutil.copytree(newest, kept)
    shutil.copytree(older, checkpoints / ".gan-9999999.part")  # what a killed run may leave
    for damage in DAMAGE.values():
        shutil.rmtree(newest)
        shutil.copytree(kept, newest)
        assert run_folder.open_folder(tiny, True, False).folder == newest
        capsys.readouterr()
        damage(newest)
        assert run_folder.open_folder(tiny, True, False).folder == older
        assert f"{newest} is damaged" in capsys.readouterr().err
        with pytest.raises(GanColorError, match="cannot use"):
            checkpoint.read(newest)
    for found in checkpoint.find(checkpoints):
        flip(found.folder / "model.safetensors", -1)
    with pytest.raises(GanColorError, match=r"no whole checkpoint .*--overwrite"):
        trainer.train(tiny, resume=True)


def test_a_run_goes_on_from_before_the_damage_and_ends_the_same(tiny: Config):
    expected = trainer.train(tiny).read_bytes()
    newest = checkpoint.find(tiny.folder / "checkpoints")[-1].folder
    flip(newest / "model.safetensors", -1)
    assert trainer.train(tiny, resume=True).read_bytes() == expected
    assert checkpoint.read(newest)


def hold(folder: Path, held: Any) -> None:
    with run_folder.lock(folder):
        held.set()
        time.sleep(300)


def test_a_run_in_progress_is_left_alone_until_its_process_is_gone(tiny: Config):
    context = multiprocessing.get_context("forkserver")
    held = context.Event()
    other = context.Process(target=hold, args=(tiny.folder, held))
    other.start()
    try:
        assert held.wait(120)
        holder = f"trained by process {other.pid} on "
        for options in ({"resume": True}, {"overwrite": True}, {}):
            with pytest.raises(GanColorError, match=holder) as caught:
                trainer.train(tiny, **options)
            assert "\n" not in str(caught.value)
        assert not (tiny.folder / "config.yml").exists()
    finally:
        other.kill()
        other.join()
    assert trainer.train(tiny).exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tiny: Config, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GanColorError, match=r"^run: Not a directory: .*runs") as caught:
        trainer.train(changed(tiny, f"run.dir={tmp_path / 'file' / 'runs'}"))
    assert "\n" not in str(caught.value)
    assert "--resume" not in str(caught.value)  # there is nothing to go on with


def test_a_disk_that_fills_up_says_how_to_go_on(tiny: Config, monkeypatch):
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "log.csv")

    monkeypatch.setattr(trainer.TrainingState, "validated", full)
    config = changed(tiny, "run.epoch_images=24")
    with pytest.raises(GanColorError, match=r"^run: No space left on device: log\.csv$"):
        trainer.train(config)
    monkeypatch.undo()
    trainer.train(config)
    monkeypatch.setattr(trainer.TrainingState, "state_dict", full)
    shutil.rmtree(checkpoint.find(config.folder / "checkpoints")[-1].folder)
    with pytest.raises(GanColorError, match=r"No space left.*go on with --resume"):
        trainer.train(config, resume=True)


def test_old_checkpoints_go_and_each_stage_keeps_its_last(tiny: Config):
    trainer.train(changed(tiny, "run.keep_checkpoints=1"))
    names = sorted(p.name for p in (tiny.folder / "checkpoints").iterdir())
    assert names == ["discriminator-0000024", "gan-0000024", "pretrain-0000024"]


def test_a_run_in_the_way_is_refused_and_replaced_only_when_told(tiny: Config):
    config = changed(
        tiny, "stages=[{name: a, kind: supervised, images: 6, size: 32, batch: 6, lr: 0.001}]"
    )
    first = trainer.train(config)
    with pytest.raises(GanColorError, match=r"holds a run already.*--resume.*--overwrite"):
        trainer.train(config)
    assert first.exists()
    trainer.train(config, overwrite=True)


def test_a_start_that_failed_is_not_in_the_way(tiny: Config):
    with pytest.raises(GanColorError, match="found no folder"):
        trainer.train(changed(tiny, "data.folders=[/nowhere]"))
    assert (tiny.folder / "config.yml").exists()
    assert trainer.train(tiny).exists()


def test_resuming_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(GanColorError, match=r"found no config\.yml"):
        run_folder.resume_config(tmp_path)


def test_resuming_with_another_model_is_refused(tiny: Config):
    trainer.train(tiny)
    with pytest.raises(GanColorError, match="does not fit the model"):
        trainer.train(changed(tiny, "model.decoder_channels=[16, 12, 8, 8, 4]"), resume=True)
