"""A batch computed in parts: when it is the whole batch's update, and what a failed one leaves."""

import copy

import pytest
import torch

from gan_color.training.amp import AmpOptimizer
from gan_color.training.memory.retry import run_step
from gan_color.training.steps import DiscriminatorStep, SupervisedStep
from tests.helpers.tiny_steps import (
    FP32,
    adversarial,
    batch,
    discriminator,
    generator,
    same,
    sgd,
    weights,
    with_critic,
)

GATED = {"gate": {"closed": 1.0, "open": 0.4}, "lowpass": 4}


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("critic", [False, True])
def test_accumulating_equals_the_large_batch(parts: int, critic: bool):
    # Without power iteration, which would advance once a part, and without batch statistics.
    options = {"norm": "none", "gan_mode": "hinge" if critic else "lsgan"}
    whole, pieces = (
        adversarial(
            critic=with_critic(**GATED) if critic else None, grad_accum_steps=count, **options
        )
        for count in (1, parts)
    )
    for step in (whole, pieces):
        step.generator.eval()
        step.discriminator.eval()
        losses = step(batch())
        step.losses = losses
    for a, b in zip(whole.generator.parameters(), pieces.generator.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    for a, b in zip(
        whole.discriminator.parameters(), pieces.discriminator.parameters(), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-6)
    for name, value in whole.losses.items():
        if not name.startswith("gradient"):
            assert torch.isclose(value, pieces.losses[name], atol=1e-5), name
    if critic:
        running = [step.discriminator.critic.running_accuracy for step in (whole, pieces)]
        assert torch.isclose(*running)
        assert running[0] != 0.5
        assert 0 < whole.losses["feature_gate"] < 1


@pytest.mark.parametrize("kind", [SupervisedStep, DiscriminatorStep])
def test_accumulating_equals_the_large_batch_for_a_network_alone(kind: type):
    found = []
    for parts in (1, 2):
        g, d = generator("none"), discriminator()
        if kind is SupervisedStep:
            trained = g
            step = SupervisedStep(g, sgd(g), FP32, grad_accum_steps=parts)
        else:
            trained = d
            step = DiscriminatorStep(g, d, sgd(d), FP32, grad_accum_steps=parts)
        trained.eval()  # no batch statistics, no power iteration
        step(batch())
        found.append(weights(trained))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))


def test_a_batch_that_does_not_divide_is_refused():
    from gan_color.errors import GanColorError

    with pytest.raises(GanColorError, match="grad_accum_steps: found 3 for a batch of 4"):
        batch().split(3)


def run(kind: str, parts: int, norm: str = "spectral", freeze_norm: bool = True):
    """A step of one kind in training mode, after two updates of 8 images each."""
    if kind == "adversarial":
        step = adversarial(norm=norm, grad_accum_steps=parts, freeze_norm=freeze_norm, batch_size=8)
    elif kind == "supervised":
        g = generator(norm)
        step = SupervisedStep(g, sgd(g), FP32, grad_accum_steps=parts, freeze_norm=freeze_norm)
    else:
        d = discriminator()
        step = DiscriminatorStep(generator(norm), d, sgd(d), FP32, grad_accum_steps=parts)
    step.train()
    for _ in range(2):
        step.losses = step(batch(8))
    return step


def difference(kind: str, freeze_norm: bool = True) -> float:
    """Of the weights after two updates, in one part and in four, over what the updates moved."""
    whole, parts = (run(kind, count, freeze_norm=freeze_norm) for count in (1, 4))
    untrained = {type(network): network for network in (generator("spectral"), discriminator())}
    moved, off = 0.0, 0.0
    for a, b in zip(whole.networks, parts.networks, strict=True):
        before = untrained[type(a)]
        for x, y, z in zip(a.parameters(), b.parameters(), before.parameters(), strict=True):
            moved += float((x - z).square().sum())
            off += float((x - y).square().sum())
    return (off / moved) ** 0.5


@pytest.mark.parametrize("kind", ["supervised", "discriminator", "adversarial"])
def test_with_frozen_norms_the_parts_make_the_update_of_the_whole_batch(kind: str):
    assert difference(kind) < 1e-4


def test_a_batchnorm_that_trains_makes_another_update_of_the_parts():
    assert difference("supervised", freeze_norm=False) > 1e-2


@pytest.mark.parametrize("kind", ["discriminator", "adversarial"])
def test_spectral_norms_iterate_once_an_update(kind: str):
    """Whatever the number of parts, and of passes: real images, fake ones, fake ones detached."""
    found = []
    for parts in (1, 4):
        d = run(kind, parts).networks[-1]
        found.append([b for name, b in d.named_buffers() if name.endswith("._u")])
        assert len(found[0]) > 5
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("kind", ["supervised", "discriminator", "adversarial"])
def test_an_update_that_ran_out_of_memory_leaves_no_trace(kind: str, monkeypatch):
    """BatchNorm trains here: its statistics move once a part, not also for the attempt."""
    planned = run(kind, 1, "both", freeze_norm=False)
    retried = copy.deepcopy(planned)
    planned.grad_accum_steps = 2
    planned(batch(8))

    backward, calls = AmpOptimizer.backward, iter(range(100))
    last = {"supervised": 0, "discriminator": 1, "adversarial": 2}[kind]

    def starved(self: AmpOptimizer, loss: torch.Tensor) -> None:
        if next(calls) == last:  # the last backward pass of the attempt
            raise torch.OutOfMemoryError("no more")
        backward(self, loss)

    monkeypatch.setattr(AmpOptimizer, "backward", starved)
    run_step(retried, batch(8))
    assert retried.grad_accum_steps == 2
    for a, b in zip(planned.networks, retried.networks, strict=True):
        after, expected = b.state_dict(), a.state_dict()
        assert [name for name in expected if not torch.equal(expected[name], after[name])] == []


@pytest.mark.parametrize(
    ("freeze_norm", "message"),
    [
        (True, "in 2 parts; the update is still that of the whole batch"),
        (False, "BatchNorm now sees 2 images at a time, so that the update is not that of the"),
    ],
)
def test_what_parts_mean_is_said(freeze_norm: bool, message: str, monkeypatch, capsys):
    step = adversarial(freeze_norm=freeze_norm)
    forward = step.generator.forward

    def starved(L: torch.Tensor) -> torch.Tensor:
        if len(L) > 2:
            raise torch.OutOfMemoryError("no more")
        return forward(L)

    monkeypatch.setattr(step.generator, "forward", starved)
    run_step(step, batch())
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_generator_that_waits_does_not_move_at_all():
    step = adversarial(norm="both", generator_update_threshold=1e-6)
    before = copy.deepcopy(step.generator.state_dict())
    critic = weights(step.discriminator)
    step(batch())
    after = step.generator.state_dict()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert not same(critic, step.discriminator)
