"""Stages that give the generator hints: who sees them, and that their noise is the run's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from gan_color.config.schema import Config, parse
from gan_color.config.stages import AdversarialStage, SupervisedStage
from gan_color.data.simulated_hints import whole_palette
from gan_color.hub.model_file import load_model
from gan_color.models.base import Batch
from gan_color.models.hints import Hints
from gan_color.training import trainer
from gan_color.training.builders import build_step
from gan_color.training.memory import planner
from gan_color.training.memory.retry import run_step
from gan_color.training.steps import AdversarialStep, SupervisedStep
from tests.helpers.processes import ENDED_WHEN_ASKED, contents, in_child
from tests.helpers.runs import tiny_mapping
from tests.helpers.tiny_steps import FP32, batch, discriminator, generator, sgd, stage, weights


def hinted_batch(count: int = 4) -> Batch:
    data = batch(count)
    mask = torch.zeros_like(data.L)
    for i in range(count):
        mask[i, :, 4 * i : 4 * i + 3, 8:12] = 1
    return replace(data, hints=Hints(data.ab * mask, mask, whole_palette(data.ab)))


def step_of(kind: type, parts: int = 1) -> Any:
    """A step without batch statistics and power iteration, whose branches are not at zero."""
    g, d = generator("none", hints=True), discriminator()
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in g.hint_branches.parameters():
            parameter.copy_(0.1 * torch.randn_like(parameter))
    if kind is SupervisedStep:
        return SupervisedStep(g.eval(), sgd(g), FP32, grad_accum_steps=parts)
    options = stage(grad_accum_steps=parts)
    return AdversarialStep(g.eval(), d.eval(), sgd(g), sgd(d), FP32, options)


@pytest.mark.parametrize("kind", [SupervisedStep, AdversarialStep])
def test_a_step_gives_the_generator_the_batchs_hints(kind: type):
    hinted, plain = step_of(kind), step_of(kind)
    before = weights(hinted.generator.hint_branches)
    hinted(hinted_batch())
    plain(batch())
    moved = weights(hinted.generator.hint_branches)
    assert not any(torch.equal(a, b) for a, b in zip(before, moved, strict=True))
    assert all(
        torch.equal(a, b)
        for a, b in zip(before, weights(plain.generator.hint_branches), strict=True)
    )


@pytest.mark.parametrize("kind", [SupervisedStep, AdversarialStep])
def test_a_batch_in_parts_takes_its_hints_along(kind: type):
    found = []
    for parts in (1, 2):
        step = step_of(kind, parts)
        run_step(step, hinted_batch())
        found.append(weights(step.generator))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))


def test_discriminators_never_see_hints(monkeypatch: pytest.MonkeyPatch):
    """They evaluate L and a generator's ab; the real ab comes without any mark."""
    step, seen = step_of(AdversarialStep), []
    original = step.discriminator.forward

    def forward(*inputs: torch.Tensor) -> Any:
        seen.append(inputs)
        return original(*inputs)

    monkeypatch.setattr(step.discriminator, "forward", forward)
    data = hinted_batch()
    step(data)
    assert [len(inputs) for inputs in seen] == [2, 2, 2]
    assert torch.equal(seen[0][0], data.L)
    assert torch.equal(seen[0][1], data.ab)
    assert torch.equal(seen[1][1], seen[2][1])  # the hinted generator's


@pytest.fixture
def mapping(sample_folders: tuple[Path, Path], tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """The tiny run, with hints in its supervised and its adversarial stage."""

    def create(name: str) -> dict[str, Any]:
        found: dict[str, Any] = tiny_mapping(sample_folders, tmp_path / name)
        found["model"]["hints"] = True
        found["stages"][0]["hints"] = {"share": 0.7, "histogram_share": 0.5}
        found["stages"][2]["hints"] = {}
        return found

    return create


def test_a_hinted_run_that_is_asked_to_end_goes_on_bit_identical(
    mapping: Callable[[str], dict[str, Any]], tmp_path: Path
):
    """Within an epoch of either stage: the noise that draws hints goes on where it was."""
    assert in_child(mapping("unbroken")) == 0
    for images in (6, 66):
        ended = in_child(mapping("broken"), resume=images > 6, die=("asked", images))
        assert ended == ENDED_WHEN_ASKED
    assert in_child(mapping("broken"), True) == 0
    expected, found = (contents(tmp_path / name / "tiny") for name in ("unbroken", "broken"))
    assert expected["model.safetensors"] == found["model.safetensors"]
    assert expected["log"] == found["log"]
    model = load_model(tmp_path / "broken" / "tiny" / "model.safetensors")
    assert model.takes_hints
    assert model.hint_branches.local["1"][-1].weight.any()  # trained


def test_a_stage_draws_hints_only_where_it_says_so(
    mapping: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    def draws(data: dict[str, Any]) -> list[Hints | None]:
        seen: list[Hints | None] = []
        call = SupervisedStep.__call__

        def watched(self: SupervisedStep, batch: Batch) -> Any:
            seen.append(batch.hints)
            return call(self, batch)

        monkeypatch.setattr(SupervisedStep, "__call__", watched)
        data["stages"] = data["stages"][:1]
        trainer.train(parse(data))
        monkeypatch.setattr(SupervisedStep, "__call__", call)
        return seen

    hinted = draws(mapping("hinted"))
    assert len(hinted) == 4
    assert all(hints is not None and hints.mask.any() for hints in hinted)
    plain = mapping("plain")
    plain["stages"][0]["hints"] = None
    assert draws(plain) == [None] * 4


def test_what_hints_take_is_counted(mapping: Callable[[str], dict[str, Any]]):
    config: Config = parse(mapping("c"))
    hinted = config.stages[0]
    plain = hinted.model_copy(update={"hints": None})
    with_hints, without = (
        planner.footprint(config, each, "fp32", 64, False).per_image for each in (hinted, plain)
    )
    assert with_hints > 1.05 * without


def test_layers_for_hints_alone_can_be_trained():
    """Everything else, statistics and singular vectors included, stays as it is to the bit."""
    g = generator("both", hints=True)
    options = {"name": "a", "images": 8, "size": 32, "batch_size": 4, "lr": 1e-2}
    hints = {"only": True, "lr_mult": 2.0}
    alone = SupervisedStage(kind="supervised", hints=hints, **options)
    step, optimizers = build_step(alone, g, None, FP32, False)
    rates = {group["lr"] for group in optimizers["generator"].optimizer.param_groups}
    assert rates == {2 * alone.lr}
    learning = {name for name, value in g.named_parameters() if value.requires_grad}
    assert learning == {name for name in dict(g.named_parameters()) if "hint_branches." in name}
    before = {name: value.clone() for name, value in g.state_dict().items()}
    step.train()
    for _ in range(3):
        step(hinted_batch())
    moved = {name for name, value in g.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("hint_branches.") for name in moved)
    with pytest.raises(ValidationError, match=r"hints\.only: found true"):
        AdversarialStage(kind="adversarial", hints=hints, **options)
