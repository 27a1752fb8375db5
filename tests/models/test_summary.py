"""What `gan-color models` says of each model, and that the table in docs/models.md is that."""

import json
import re
from typing import Any

import pytest

from gan_color.models import registry
from gan_color.models.summary import describe_models
from gan_color.models.unet import PRESETS
from tests.helpers.command_line import run
from tests.helpers.runs import REPOSITORY


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in describe_models()}


def test_models_are_listed_with_what_each_costs_and_needs(rows, capsys):
    assert run("models", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    keys = {"name", "paper", "parameters", "gflops_256", "needs", "adversarial"}
    assert all(set(row) == keys for row in found)
    assert [row["name"] for row in found] == list(rows)
    assert {name.split("/")[0] for name in rows} == set(registry.names())
    assert run("models") == 0
    assert "unet/large" in capsys.readouterr().out


def test_costs_are_those_of_the_papers(rows):
    assert rows["zhang16"]["parameters"] == 32_236_011 - 626
    assert rows["zhang16"]["gflops_256"] == pytest.approx(83.5, abs=0.1)
    assert rows["zhang16"]["adversarial"] is False
    assert "prior" in rows["zhang16"]["needs"]
    assert rows["pix2pixhd"]["gflops_256"] == pytest.approx(107.5, abs=0.1)
    assert rows["ddcolor/tiny"]["gflops_256"] == pytest.approx(50.3, abs=1.0)
    assert 5e6 < rows["unet/small"]["parameters"] < 10e6
    assert 5 < rows["unet/small"]["gflops_256"] < 15


def test_the_table_of_models_is_what_the_command_prints(rows):
    table = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    for name, row in rows.items():
        kind, _, preset = name.partition("/")
        listed = f"preset: {preset}" if preset in PRESETS and kind == "unet" else name
        parameters, gflops = row["parameters"] / 1e6, row["gflops_256"]
        cost = rf"`{listed}` \|.* \| {parameters:.1f} M( \([\d,]+\))? \| {gflops:.1f} GFLOP"
        assert re.search(cost, table), f"{listed}: {parameters:.1f} M, {gflops:.1f} GFLOP"
