"""That a killed run, resumed, ends as if it had not been; what is in the way is kept."""

import shutil
import signal
from pathlib import Path

import pytest

from gan_color.config.schema import Config
from gan_color.errors import GanColorError
from gan_color.training import checkpoint, trainer
from tests.helpers.processes import contents, in_child
from tests.helpers.runs import changed, tiny_mapping


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


def test_resuming_a_finished_run_changes_nothing(tiny: Config):
    before = trainer.train(tiny).read_bytes()
    again = trainer.train(trainer.resume_config(tiny.folder), resume=True)
    assert again.read_bytes() == before


def test_a_damaged_checkpoint_is_passed_over(tiny: Config):
    trainer.train(changed(tiny, "run.keep_checkpoints=3"))
    checkpoints = tiny.folder / "checkpoints"
    newest = checkpoint.find(checkpoints)[-1]
    before = newest.state["images"]
    path = newest.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    older = checkpoint.find(checkpoints)[-1]
    assert older.state["images"] < before
    shutil.copytree(older.folder, checkpoints / ".gan-9999999.part")
    (older.folder / "state.json").write_text("{")
    assert checkpoint.find(checkpoints)[-1].state["stage"] == "discriminator"


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
        trainer.resume_config(tmp_path)


def test_resuming_with_another_model_is_refused(tiny: Config):
    trainer.train(tiny)
    with pytest.raises(GanColorError, match="does not fit the model"):
        trainer.train(changed(tiny, "model.decoder_channels=[16, 12, 8, 8, 4]"), resume=True)
