"""A step that grew dearer is seen without a timer."""

import json

import pytest
import torch

from benchmarks import counters
from gan_color.data import dataset
from gan_color.errors import GanColorError


def test_training_costs_what_is_stored():
    """`python -m benchmarks counters --write` stores a change that is meant."""
    torch.manual_seed(0)
    assert counters.differences(counters.count(), counters.load()) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"a": 1.04, "b": 2.0}, "a: found 1.04, stored 1 (+4.0%)"),
        ({"a": 0.9, "b": 2.0}, "a: found 0.9, stored 1 (-10.0%)"),
        ({"a": 1.0}, "b: no longer counted"),
        ({"a": 1.0, "b": 2.0, "c": 3.0}, "c: found 3, not stored yet"),
    ],
)
def test_a_difference_is_told_by_name(found, message, monkeypatch):
    stored = {"a": 1.0, "b": 2.0}
    assert counters.differences({"a": 1.02, "b": 2.0}, stored) == []
    assert counters.differences(found, stored) == [message]
    monkeypatch.setattr(counters, "count", lambda: found)
    monkeypatch.setattr(counters, "load", lambda: stored)
    with pytest.raises(GanColorError) as caught:
        counters.run(write=False)
    assert message in str(caught.value)


def test_figures_are_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(counters, "STORED", tmp_path / "counters.json")
    monkeypatch.setattr(counters, "count", lambda: {"a": 1.0})
    assert counters.run(write=True) == "a: 1"
    assert json.loads((tmp_path / "counters.json").read_text()) == {"a": 1.0}
    assert counters.run(write=False) == "a: 1"


def test_a_picture_read_twice_is_counted(monkeypatch):
    once = counters._files_opened()
    read = dataset.read_rgb

    def twice(path, *rest):
        read(path, *rest)
        return read(path, *rest)

    monkeypatch.setattr(dataset, "read_rgb", twice)
    assert counters._files_opened() == 2 * once
