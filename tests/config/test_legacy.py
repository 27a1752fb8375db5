"""Configurations with the keys of earlier versions, and the trap that one of them was."""

import re
from pathlib import Path
from typing import Any

import pytest

from gan_color.config import legacy
from gan_color.config.schema import parse
from gan_color.errors import GanColorError
from tests.helpers.runs import REPOSITORY, tiny_mapping


@pytest.fixture
def mapping(tmp_path: Path) -> dict[str, Any]:
    return tiny_mapping((tmp_path, tmp_path), tmp_path)


def earlier(mapping: dict[str, Any]) -> dict[str, Any]:
    """The mapping with the names of stages and runs that earlier versions had."""
    run, stage = ({new: old for old, new in names.items()} for names in (legacy.RUN, legacy.STAGE))
    return {
        **mapping,
        "run": {run.get(k, k): v for k, v in mapping["run"].items()},
        "stages": [{stage.get(k, k): v for k, v in s.items()} for s in mapping["stages"]],
    }


def test_old_keys_mean_what_they_meant_and_are_said(mapping, capsys):
    old = earlier(mapping)
    assert "batch" in old["stages"][0]
    expected = parse(mapping)
    capsys.readouterr()
    found = parse(old, "old.yml")
    assert found.stages == expected.stages
    assert found.run == expected.run
    assert found.data.eval_resize == "area"
    assert "old.yml: has keys of an earlier version" in capsys.readouterr().err


def test_todays_keys_say_nothing(mapping, capsys):
    assert parse(mapping).data.eval_resize == "bicubic"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("key", ["discriminator_lr", "discriminator_lr_mult"])
@pytest.mark.parametrize("value", [2e-4, 200.0])
def test_a_rate_is_no_factor(mapping, key: str, value: float):
    mapping["stages"][2][key] = value
    with pytest.raises(GanColorError, match=r"discriminator_lr_mult: found .*(0\.01|100)"):
        parse(mapping)


def test_todays_key_wins_over_an_earlier_one(mapping):
    mapping["stages"][0] |= {"batch": 6, "batch_size": 3}
    assert parse(mapping).stages[0].batch_size == 3


@pytest.mark.parametrize(("written", "mode"), [({}, "disabled"), ({"wandb": "offline"}, "offline")])
def test_project_and_tags_belong_to_wandb(mapping, written: dict, mode: str):
    """A file with these alone is of no version that reduced its images otherwise."""
    mapping["stages"][1]["weight_decay"] = 0.01
    found = parse(mapping | {"loggers": {**written, "project": "birds", "tags": ["a", "b"]}})
    wandb = found.loggers.wandb
    assert (wandb.mode, wandb.project, wandb.tags) == (mode, "birds", ("a", "b"))
    assert found.data.eval_resize == "bicubic"
    assert found.stages[1].weight_decay == 0.01


def test_a_discriminators_weight_decay_of_an_earlier_file_is_ignored_as_it_was(mapping):
    mapping["stages"][1]["weight_decay"] = mapping["stages"][2]["weight_decay"] = 0.01
    assert parse(mapping).stages[1].weight_decay == 0.01
    found = parse(earlier(mapping)).stages
    assert (found[1].weight_decay, found[2].weight_decay) == (0.0, 0.01)


def test_no_message_names_a_key_of_earlier_versions():
    """Keys of one word are words of prose, too, and not looked for: two-worded ones suffice."""
    tables = (legacy.RUN, legacy.DATA, legacy.DISCRIMINATOR, legacy.STAGE, legacy.MODEL)
    losses = {"feature_matching", "color_difference"}  # still their names
    former = {key for table in tables for key in table if "_" in key} - losses
    found = [
        f"{path.name}: {key}"
        for package in ("gan_color", "benchmarks")
        for path in (REPOSITORY / package).rglob("*.py")
        if path.name != "legacy.py"
        for key in sorted(former & set(re.findall(r"\w+", path.read_text())))
    ]
    assert found == []
