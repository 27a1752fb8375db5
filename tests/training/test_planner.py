"""That counting a step's bytes gives what a step takes."""

import json

import pytest
import torch

from gan_color.config.schema import Config
from gan_color.config.units import parse_bytes
from gan_color.errors import GanColorError
from gan_color.training.memory import planner
from gan_color.training.memory.planner import MIB, Footprint, LiveBytes, footprint
from tests.helpers.command_line import run


def test_bytes_are_counted_as_they_come_and_go():
    with LiveBytes() as counted:
        a = torch.ones(1000)
        b = a.view(10, 100)  # the same memory
        c = a + b.flatten()
        assert counted.live == 8000
        del c
        assert (counted.live, counted.peak) == (4000, 8000)
    del a, b


def test_a_footprint_has_the_right_parts(tiny: Config):
    stage = tiny.stages[0]
    plain = footprint(tiny, stage, "fp32", 64, False)
    larger = footprint(tiny, stage, "fp32", 128, False)
    again = footprint(tiny, stage, "fp32", 128, True)
    assert larger.per_image == pytest.approx(4 * plain.per_image, rel=0.1)
    assert larger.fixed == pytest.approx(plain.fixed, rel=0.1)
    assert again.per_image < 0.75 * larger.per_image
    # Adam keeps two numbers a weight beside weight and gradient, the EMA one more.
    from gan_color.models import registry

    options = {k: v for k, v in tiny.model.items() if k != "name"}
    weights = sum(p.nbytes for p in registry.create("unet", **options).parameters())
    assert plain.fixed > 4 * weights


def test_what_fits_is_what_is_left_of_the_usable_card():
    found = Footprint(fixed=100 * MIB, per_image=10 * MIB)
    assert found.images(1024 * MIB) == (960 - 100) // 10
    assert found.images(50 * MIB) == 0


@pytest.mark.parametrize(("text", "size"), [("16GB", 2**34), ("1.5 GiB", 3 * 2**29), ("1m", 2**20)])
def test_sizes_are_read(text: str, size: int):
    assert parse_bytes(text, "--card") == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0", "1.2.3GB", "16 GB cards"])
def test_other_sizes_are_refused(text: str):
    with pytest.raises(GanColorError, match=r"--card: found .* expected a size such as 16GB"):
        parse_bytes(text, "--card")


def test_the_command_says_what_fits_and_what_would(tiny: Config, tmp_path, monkeypatch, capsys):
    found = Footprint(fixed=0, per_image=300 * MIB)
    monkeypatch.setattr(planner, "footprint", lambda *_: found)
    path = tmp_path / "c.yml"
    path.write_text(json.dumps(tiny.model_dump(mode="json")))
    assert run("plan", "-c", path, "--gpu-memory", "1GB", "--size", "64") == 0
    output = capsys.readouterr().out
    assert "gan at 64 px, bf16, run.activation_checkpointing: 300.0 MiB an image" in output
    assert output.count("batch 6 fits with grad_accum_steps: 2") == 5
