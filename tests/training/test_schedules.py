"""Schedules and optimizers of stages, as the literature asks for them."""

from typing import Any

import numpy as np
import pytest
import torch

from gan_color.config.schema import Config, parse
from gan_color.config.stages import SupervisedStage
from gan_color.data.prepare import find_data
from gan_color.errors import GanColorError
from gan_color.models.discriminators import DiscriminatorConfig
from gan_color.models.registry import create
from gan_color.training.amp import Precision
from gan_color.training.builders import build_step
from gan_color.training.schedules import rate_schedule

BASE: dict[str, Any] = {
    "name": "s",
    "kind": "supervised",
    "images": 8,
    "size": 32,
    "batch_size": 4,
    "lr": 1.0,
}
RATES = np.array([0.1, 1.0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1, 1]),
        ({"schedule": "linear", "hold_fraction": 0.5}, [1, 1, 1, 0.5, 0]),
        ({"schedule": "linear", "hold_fraction": 0.0}, [1, 0.75, 0.5, 0.25, 0]),
        ({"schedule": "linear", "hold_fraction": 1.0}, [1, 1, 1, 1, 0]),
        (
            {"schedule": "steps", "milestones": [0.25, 0.75], "gamma": 0.1},
            [1, 0.1, 0.1, 0.01, 0.01],
        ),
        ({"pct_start": 0.5}, [1 / 25, 0.52, 1, 0.500005, 1e-5]),
        ({"pct_start": 0.0}, [1 / 25, 0.8544, 0.5008, 0.1466, 1e-5]),
    ],
)
def test_rates_over_a_stage(options: dict[str, Any], expected: list[float]):
    schedule = rate_schedule(SupervisedStage(**BASE, **options), RATES)
    found = np.array([schedule(done) for done in (0, 0.25, 0.5, 0.75, 1)])
    assert found[:, 1] == pytest.approx(expected, abs=2e-3)
    assert found[:, 0] == pytest.approx(0.1 * found[:, 1])  # each group keeps its share


@pytest.mark.parametrize(
    ("name", "kind", "key", "value"),
    [
        ("adamw", torch.optim.AdamW, "betas", (0.5, 0.9)),
        ("adam", torch.optim.Adam, "betas", (0.5, 0.9)),
        ("adadelta", torch.optim.Adadelta, "rho", 0.9),
        ("rmsprop", torch.optim.RMSprop, "alpha", 0.9),
    ],
)
def test_a_stage_names_its_optimizer(name: str, kind: type, key: str, value: object):
    stage = SupervisedStage(**BASE, optimizer=name, betas=(0.5, 0.9), weight_decay=0.01)
    cpu = Precision("fp32", torch.device("cpu"))
    _, optimizers = build_step(stage, create("alpha"), None, cpu, False)
    optimizer = optimizers["generator"].optimizer
    assert type(optimizer) is kind
    assert optimizer.defaults[key] == value
    assert optimizer.param_groups[0]["weight_decay"] == 0.01
    assert optimizer.param_groups[1]["weight_decay"] == 0  # biases


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "critic", "num_discriminators": 2},
            "num_discriminators: found 2, but kind: critic",
        ),
        ({"dropout": 0.15}, "dropout: found 0.15, but kind: patch"),
    ],
)
def test_options_of_another_discriminator_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        DiscriminatorConfig(**options)


def test_length_scales_every_stage_of_a_run(mapping_of_a_run: dict[str, Any]):
    mapping_of_a_run["run"]["duration_scale"] = 0.5
    config = parse(mapping_of_a_run)
    assert [s.stage.images for s in config.schedule] == [12, 12, 12]
    mapping_of_a_run["run"]["duration_scale"] = 1e-9
    assert [s.stage.images for s in parse(mapping_of_a_run).schedule] == [6, 6, 6]  # one batch
    assert parse(config.model_dump(mode="json")).schedule == config.schedule
    mapping_of_a_run["data"]["filename_filter"] = "("
    with pytest.raises(GanColorError, match=r"filename_filter: .*not a regular expression"):
        parse(mapping_of_a_run)


def test_a_run_may_train_on_some_files_only(tiny: Config):
    data = tiny.data.model_copy(update={"filename_filter": "^chelsea_0[01]"})
    found = find_data(tiny.model_copy(update={"data": data}))
    assert {file.path.name for file in found.train} == {"chelsea_00.png", "chelsea_01.png"}
    assert {file.path.name[:6] for file in found.val} == {"coffee"}


@pytest.fixture
def mapping_of_a_run(tmp_path: Any) -> dict[str, Any]:
    from tests.helpers.runs import tiny_mapping

    return tiny_mapping((tmp_path, tmp_path), tmp_path)
