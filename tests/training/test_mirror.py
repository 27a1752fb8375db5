"""A copy of a run from which it goes on when its own folder is gone."""

import shutil
from pathlib import Path

from gan_color.config.schema import Config
from gan_color.training import checkpoint, trainer
from gan_color.training.mirror import mirror
from gan_color.training.run_folder import resume_config
from tests.helpers.processes import ENDED_WHEN_ASKED, contents, in_child
from tests.helpers.runs import changed


def test_a_run_goes_on_from_its_copy_and_ends_the_same(tiny: Config, tmp_path: Path):
    assert in_child(tiny.model_dump(mode="json")) == 0
    expected = contents(tiny.folder)
    drive = tmp_path / "drive"
    lost = changed(tiny, f"run.dir={tmp_path / 'lost'}", f"run.mirror={drive}")
    assert in_child(lost.model_dump(mode="json"), die=("asked", 66)) == ENDED_WHEN_ASKED
    shutil.rmtree(tmp_path / "lost")
    copies = checkpoint.find(drive / "tiny" / "checkpoints")
    assert checkpoint.damaged(drive / "tiny" / "checkpoints") == []
    assert copies[-1].state["total_images"] == 66
    assert in_child(resume_config(drive / "tiny").model_dump(mode="json"), resume=True) == 0
    found = contents(drive / "tiny")
    assert found["model.safetensors"] == expected["model.safetensors"]
    assert found["log"] == expected["log"]


def test_the_copy_has_the_checkpoints_of_the_run_and_no_others(tiny: Config, tmp_path: Path):
    trainer.train(changed(tiny, f"run.mirror={tmp_path / 'drive'}", "run.keep_checkpoints=1"))
    copy = tmp_path / "drive" / "tiny"
    files = {"config.yml", "data.json", "log.csv", "manifest.csv", "model.safetensors"}
    assert files <= {path.name for path in copy.iterdir()}
    names = [{p.name for p in (f / "checkpoints").iterdir()} for f in (tiny.folder, copy)]
    assert names[0] == names[1] == {"pretrain-0000024", "discriminator-0000024", "gan-0000024"}


def test_a_checkpoint_that_was_written_anew_is_copied_anew(tmp_path: Path):
    run, copy = tmp_path / "run", tmp_path / "copy"
    for images in (6, 12):
        folder = run / "checkpoints" / "gan-1"
        checkpoint.save(folder, {}, {"stage_index": 0, "images": images})
        mirror(run, copy)
        (found,) = checkpoint.find(copy / "checkpoints")
        assert found.state["images"] == images


def test_a_drive_that_is_gone_does_not_end_the_run(tiny: Config, tmp_path: Path, capsys):
    (tmp_path / "drive").write_text("a file where a drive should be")
    assert trainer.train(changed(tiny, f"run.mirror={tmp_path / 'drive'}")).exists()
    said = capsys.readouterr().err
    assert "run.mirror: cannot copy to" in said
    assert "Not a directory" in said
