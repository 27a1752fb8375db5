"""What happens in a batch, driven by plain loops: no fastai here."""

import copy
import weakref

import pytest
import torch

from gan_color.config.stages import DiscriminatorStage
from gan_color.errors import GanColorError
from gan_color.losses.auxiliary import AuxiliaryLosses
from gan_color.models.registry import create
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.averaging.ema import EMA
from gan_color.training.builders import build_step, generator_groups
from gan_color.training.callbacks.rates import learning_rates
from gan_color.training.steps import AdversarialStep, DiscriminatorStep, SupervisedStep
from tests.helpers.tiny_steps import (
    FP32,
    adversarial,
    batch,
    discriminator,
    generator,
    same,
    sgd,
    stage,
    weights,
)


def test_supervised_steps_learn():
    g = generator("both")
    step = SupervisedStep(
        g, AmpOptimizer(g, torch.optim.Adam(g.parameters(), 1e-2), FP32, 1.0), FP32
    )
    step.train()
    totals = [float(step(batch())["total"]) for _ in range(8)]
    assert totals[-1] < 0.9 * totals[0]


def test_a_discriminator_step_leaves_the_generator_as_it_is():
    g, d = generator(), discriminator()
    step = DiscriminatorStep(g, d, sgd(d), FP32)
    step.train()
    before_g, before_d = copy.deepcopy(g.state_dict()), weights(d)
    losses = step(batch())
    assert all(torch.equal(v, g.state_dict()[k]) for k, v in before_g.items())
    assert not same(before_d, d)
    assert {"total", "accuracy_0", "accuracy_1", "accuracy_2"} <= set(losses)


def discriminator_weights(before: list[torch.Tensor], **options: float) -> list[torch.Tensor]:
    """How they end up after one step of a discriminator stage, from how they were."""
    d = discriminator()
    with torch.no_grad():
        for parameter, value in zip(d.parameters(), before, strict=True):
            parameter.copy_(value)
    alone = DiscriminatorStage(
        name="d", kind="discriminator", images=8, size=32, batch_size=4, lr=1e-2, **options
    )
    step, optimizers = build_step(alone, generator(), d, FP32, False)
    step.train()
    step(batch())
    assert set(optimizers) == {"discriminator"}
    return weights(d)


def test_a_discriminator_stages_weight_decay_counts_and_is_off_unless_asked_for():
    start = weights(discriminator())
    plain, none, decayed = (
        discriminator_weights(start, **options)
        for options in ({}, {"weight_decay": 0.0}, {"weight_decay": 0.5})
    )
    for before, a, b, c in zip(start, plain, none, decayed, strict=True):
        assert torch.equal(a, b)
        # AdamW takes lr x decay of a weight off before it moves it; biases are not decayed.
        expected = a - 1e-2 * 0.5 * before if before.ndim > 1 else a
        assert torch.allclose(c, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("moving", ["generator", "discriminator"])
def test_each_update_of_an_adversarial_step_leaves_the_other_network_as_it_is(moving: str):
    step = adversarial(lr=(1e-2, 0.0) if moving == "generator" else (0.0, 1e-2))
    before_g, before_d = weights(step.generator), weights(step.discriminator)
    step(batch())
    assert same(before_g, step.generator) == (moving == "discriminator")
    assert same(before_d, step.discriminator) == (moving == "generator")
    assert all(p.grad is None for p in step.generator.parameters())
    assert all(p.grad is None for p in step.discriminator.parameters())
    assert all(p.requires_grad for p in step.discriminator.parameters())


def test_gradients_of_the_two_updates_are_those_of_their_own_losses():
    """The generator's gradient must not depend on whether the discriminators also learn."""
    together, alone = adversarial(), adversarial()
    data = batch()
    seen: dict[str, list[torch.Tensor]] = {}

    def keep(step: AdversarialStep, name: str) -> None:
        seen[name] = [p.grad.clone() for p in step.discriminator.parameters()]

    # The same step with the generator's backward pass skipped.
    alone.generator_optimizer.backward = lambda loss: None
    for step, name in ((together, "together"), (alone, "run_isolated")):
        original = step.discriminator_step.optimizer.step

        def wrapped(step=step, name=name, original=original) -> torch.Tensor:
            keep(step, name)
            return original()

        step.discriminator_step.optimizer.step = wrapped
        step(data)
    assert all(
        torch.equal(a, b) for a, b in zip(seen["together"], seen["run_isolated"], strict=True)
    )


def test_nothing_of_the_real_images_is_kept_during_the_generators_backward_pass():
    step = adversarial()
    critic, backward = step.discriminator.forward, step.generator_optimizer.backward
    kept, freed, held = [], [], []

    def forward(L: torch.Tensor, ab: torch.Tensor) -> list[list[torch.Tensor]]:
        features = critic(L, ab)
        if not kept:
            kept.extend(
                weakref.finalize(m.untyped_storage(), freed.append, 1) for m in features[0][:-1]
            )
        return features

    def watched(loss: torch.Tensor) -> None:
        held.append(len(kept) - len(freed))
        backward(loss)

    step.discriminator.forward, step.generator_optimizer.backward = forward, watched
    step(batch())
    assert len(kept) > 2
    assert held == [0]


def test_the_losses_of_a_step_are_named_and_sum_up():
    losses = adversarial()(batch())
    parts = losses["pixel"] + losses["adversarial"] + losses["feature_matching"]
    assert torch.isclose(losses["total"], parts)
    assert 0 <= losses["accuracy_0"] <= 1
    assert losses["gradient_norm"] > 0


def test_the_generator_waits_while_the_discriminators_are_behind():
    step = adversarial(generator_update_threshold=1e-6)
    before_g, before_d = weights(step.generator), weights(step.discriminator)
    step(batch())
    assert same(before_g, step.generator)
    assert not same(before_d, step.discriminator)
    moving = adversarial(generator_update_threshold=1e6)
    before_g = weights(moving.generator)
    moving(batch())
    assert not same(before_g, moving.generator)


def test_a_frozen_encoder_does_not_move_nor_do_its_statistics():
    g = generator("both")
    frozen = stage(freeze_encoder=True)
    step, _ = build_step(frozen, g, discriminator(), FP32, False)
    step.train()
    before = copy.deepcopy(g.encoder.state_dict())
    step(batch())
    assert all(torch.equal(v, g.encoder.state_dict()[k]) for k, v in before.items())
    assert any(p.grad is None and p.requires_grad for p in g.parameters())


def test_frozen_norms_keep_their_statistics():
    g = generator("both")
    step, _ = build_step(stage(freeze_norm=True), g, discriminator(), FP32, False)
    step.train()
    before = {k: v.clone() for k, v in g.state_dict().items() if "running" in k}
    step(batch())
    assert before
    assert all(torch.equal(v, g.state_dict()[k]) for k, v in before.items())


def test_rates_rise_from_the_input_to_the_output():
    g = generator()
    groups = generator_groups(g, stage(encoder_lr_mult=0.01, lr=1.0))
    rates = sorted({round(group["lr"], 6) for group in groups})
    assert rates == [0.01, 0.1, 1.0]
    head = next(group for group in groups if any(p is g.head.weight for p in group["params"]))
    assert head["lr"] == 1.0
    assert sum(len(group["params"]) for group in groups) == len(list(g.parameters()))


def test_layers_for_hints_have_a_rate_of_their_own():
    g = generator(hints=True)
    groups = generator_groups(g, stage(encoder_lr_mult=0.01, lr=1.0, hints={"lr_mult": 4.0}))
    taking = {p for name, p in g.named_parameters() if name.startswith("hint_branches.")}
    rates = {p: group["lr"] for group in groups for p in group["params"]}
    assert {rates[p] for p in taking} == {4.0}
    assert max(rate for p, rate in rates.items() if p not in taking) == 1.0
    assert set(rates) == set(g.parameters())
    assert groups[-1]["lr"] == 1.0  # whose rate the discriminators follow
    optimizer = torch.optim.SGD(groups)
    logged = learning_rates(optimizer, SupervisedStep(g, sgd(g), FP32))
    assert logged == {"lr": 1.0, "lr_encoder": 0.01, "lr_encoder_2": 0.1, "lr_hints": 4.0}


def test_a_rate_for_layers_that_a_model_lacks_is_refused():
    g = create("siggraph17", pretrained=False)
    with pytest.raises(GanColorError, match=r"hints\.lr_mult"):
        generator_groups(g, stage(hints={"lr_mult": 4.0}))


def test_the_average_follows_with_its_half_life():
    g = generator()
    ema = EMA(g, half_life=10)
    ema.skip_ramp()
    with torch.no_grad():
        for p in g.parameters():
            p.add_(1.0)
    ema.update(g, 10)
    moved = [
        (a - b).abs().max() for a, b in zip(ema.model.parameters(), g.parameters(), strict=True)
    ]
    assert all(abs(float(m) - 0.5) < 1e-4 for m in moved)
    assert not any(p.requires_grad for p in ema.model.parameters())


def test_the_statistics_of_the_norms_are_averaged_with_the_weights():
    g = generator()
    ema = EMA(g, half_life=10)
    ema.images = 10_000
    name = next(n for n, _ in g.named_buffers() if n.endswith("running_mean"))
    u = next(n for n, _ in g.named_buffers() if n.endswith("._u"))
    before = ema.model.get_buffer(name).clone()
    with torch.no_grad():
        g.get_buffer(name).add_(2.0)
        g.get_buffer(u).neg_()
    ema.update(g, 10)
    assert torch.allclose(ema.model.get_buffer(name), before + 1.0)
    assert torch.equal(ema.model.get_buffer(u), g.get_buffer(u))


def test_bf16_steps_stay_close_to_fp32():
    results = {}
    for kind in ("fp32", "bf16"):
        g, d = generator(), discriminator()
        precision = Precision(kind, torch.device("cpu"))
        step = AdversarialStep(g, d, sgd(g), sgd(d), precision, stage())
        step.train()
        results[kind] = step(batch())
    for name in ("pixel", "adversarial", "feature_matching"):
        a, b = (float(results[kind][name]) for kind in ("fp32", "bf16"))
        assert a == pytest.approx(b, rel=0.05)
        assert a != b  # autocast was on


def test_a_stage_weighs_the_models_own_losses_and_adds_its_own():
    g, data = generator(), batch()
    found = {}
    for own in (0.0, 0.5, 1.0):
        step = SupervisedStep(
            g, sgd(g, lr=0.0), FP32, AuxiliaryLosses(psnr_weight=2.0), model_loss_weight=own
        )
        step.train()
        found[own] = step(data)
    assert "pixel" not in found[0.0]
    assert float(found[0.5]["pixel"]) == pytest.approx(0.5 * float(found[1.0]["pixel"]), rel=0.02)
    assert float(found[0.0]["total"]) == pytest.approx(float(found[0.0]["psnr_loss"]))
    assert float(found[0.0]["psnr_loss"]) < 0
