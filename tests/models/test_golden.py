"""That networks answer what they answered, with weights that depend on their names alone."""

from typing import Any

import pytest
import torch
from torch import nn

from tests.helpers import golden

OUTPUTS = golden.read()
MODELS, DISCRIMINATORS = golden.model_cases(), golden.discriminators()


def compare(found: Any, expected: Any, where: str) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            compare(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, value in enumerate(expected):
            compare(found[i], value, f"{where}.{i}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5), where
    else:
        assert found == expected, where


def test_every_case_is_held():
    assert MODELS.keys() == OUTPUTS["models"].keys()
    assert DISCRIMINATORS.keys() == OUTPUTS["discriminators"].keys()


@pytest.mark.parametrize("key", MODELS)
def test_a_model_answers_what_it_answered(key: str):
    compare(golden.model_golden(key, *MODELS[key]), OUTPUTS["models"][key], key)


@pytest.mark.parametrize("key", DISCRIMINATORS)
def test_a_discriminator_answers_what_it_answered(key: str):
    found = golden.discriminator_golden(DISCRIMINATORS[key])
    compare(found, OUTPUTS["discriminators"][key], key)


def test_filling_depends_on_names_alone():
    first, second = nn.Linear(3, 2), nn.BatchNorm1d(2)
    networks = [nn.ModuleDict({"a": first, "b": second}), nn.ModuleDict({"b": second, "a": first})]
    states = []
    for network in networks:
        golden.fill(network)
        states.append({name: value.clone() for name, value in network.state_dict().items()})
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert states[0]["b.running_var"].min() > 0
    assert states[0]["b.num_batches_tracked"] == 0
