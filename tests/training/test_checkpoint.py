"""Checkpoints that are written while training goes on."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from gan_color.errors import GanColorError
from gan_color.training import checkpoint

STATE = {"stage_index": 0, "images": 0, "judged": []}


def at(folder: Path, images: int) -> Path:
    return folder / f"gan-{images}"


def test_what_is_written_is_what_was_there_when_it_was_asked_for(tmp_path: Path, monkeypatch):
    may_write = threading.Event()
    save = checkpoint.save

    def slow(*arguments: object) -> None:
        assert may_write.wait(30)
        save(*arguments)

    monkeypatch.setattr(checkpoint, "save", slow)
    weight, state = torch.zeros(3), {**STATE, "judged": [1]}
    writer = checkpoint.AsyncCheckpointWriter()
    writer.save(at(tmp_path, 0), {"model": {"weight": weight}}, state, 3, set())
    weight.fill_(1)
    state["judged"].append(2)
    assert checkpoint.find(tmp_path) == []
    may_write.set()
    writer.wait()
    (found,) = checkpoint.find(tmp_path)
    assert checkpoint.load(found, "model")["weight"].tolist() == [0, 0, 0]
    assert found.state["judged"] == [1]


def test_one_is_written_at_a_time_and_old_ones_go(tmp_path: Path):
    writer = checkpoint.AsyncCheckpointWriter()
    for images in range(4):
        state = {**STATE, "images": images}
        writer.save(at(tmp_path, images), {"model": {}}, state, 2, {"gan-0"})
        before = [found.state["images"] for found in checkpoint.find(tmp_path)]
        assert images == 0 or images - 1 in before
    writer.wait()
    left = [found.folder.name for found in checkpoint.find(tmp_path)]
    assert left == ["gan-0", "gan-2", "gan-3"]


def test_what_writing_raised_is_raised_once_by_whoever_waits(tmp_path: Path):
    (tmp_path / "checkpoints").write_text("a file where a folder should be")
    writer = checkpoint.AsyncCheckpointWriter()
    writer.save(at(tmp_path / "checkpoints", 0), {"model": {}}, STATE, 1, set())
    with pytest.raises(GanColorError, match=r"cannot write .*checkpoints"):
        writer.wait()
    writer.wait()


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """A system that refuses to make a file larger than `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [5_000, 60])  # for not all of the tensors; not for state.json
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, room: int):
    folder = at(tmp_path, 0)
    checkpoint.save(folder, {"model": {"weight": torch.ones(3)}}, STATE)
    size = 10_000 if room > 60 else 0
    with little_room(room), pytest.raises(GanColorError) as caught:
        checkpoint.save(folder, {"model": {"weight": torch.zeros(size)}}, STATE)
    assert "kept" in str(caught.value)
    assert "--resume" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert checkpoint.load(checkpoint.read(folder), "model")["weight"].tolist() == [1, 1, 1]
