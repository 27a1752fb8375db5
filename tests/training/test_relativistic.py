"""Relativistic pairing: every real patch against the fake of the same place."""

import pytest
import torch
import torch.nn.functional as F

from gan_color.losses import gan
from gan_color.models.base import Batch
from gan_color.training.steps import AdversarialStep, DiscriminatorStep
from tests.helpers.tiny_steps import FP32, adversarial, batch, sgd, stage, weights, with_critic

MODE = "relativistic"


def step_of(kind: str, **options: object) -> AdversarialStep | DiscriminatorStep:
    step = adversarial(norm="none", gan_mode=MODE, **options)
    if kind == "discriminator":
        d = step.discriminator
        parts = step.grad_accum_steps
        step = DiscriminatorStep(step.generator, d, sgd(d), FP32, MODE, parts)
    for network in (step.generator, step.discriminator):
        network.eval()
    return step


def logits(step: AdversarialStep | DiscriminatorStep, images: Batch) -> list[torch.Tensor]:
    """Each scale's, of fakes less those of their real images."""
    with torch.no_grad():
        ab = step.generator.decode(step.generator(images.L))
    real, fake = (step.discriminator(images.L, x) for x in (images.ab, ab))
    return [f[-1] - r[-1] for f, r in zip(fake, real, strict=True)]


@pytest.mark.parametrize("kind", ["discriminator", "adversarial"])
def test_discriminators_descend_the_loss_of_pairs(kind: str):
    step = step_of(kind)
    loss = torch.stack([F.softplus(x).mean() for x in logits(step, batch())]).sum()
    slopes = torch.autograd.grad(loss, list(step.discriminator.parameters()))
    before = weights(step.discriminator)
    losses = step(batch())
    torch.testing.assert_close(losses["discriminator"], loss.detach())
    after = weights(step.discriminator)
    for old, new, slope in zip(before, after, slopes, strict=True):
        # Of the whole loss half, as in every mode.
        torch.testing.assert_close(old - new, 0.5 * 1e-2 * slope, atol=1e-7, rtol=1e-3)


def test_the_generator_climbs_above_the_real_images():
    step = step_of("adversarial", adversarial_weight=3.0)
    expected = torch.stack([F.softplus(-x).mean() for x in logits(step, batch())]).sum()
    found = step(batch())["adversarial"]
    torch.testing.assert_close(found, 3 * expected.detach())


def test_what_is_right_is_told_by_pairs():
    step = step_of("discriminator")
    expected = [(x < 0).float().mean() for x in logits(step, batch())]
    losses = step(batch())
    for i, share in enumerate(expected):
        torch.testing.assert_close(losses[f"accuracy_{i}"], share)
    high, low = [[torch.full((1, 1, 2, 2), x)] for x in (-3.0, -4.0)]
    assert gan.discriminator_accuracy(MODE, [high], [low]) == [1.0]
    assert gan.discriminator_accuracy(MODE, [low], [high]) == [0.0]


def test_a_partner_gets_no_gradient():
    own, other = ([[torch.randn(2, 1, 3, 3, requires_grad=True)]] for _ in range(2))
    gan.discriminator_loss(MODE, gan.relative(own, other), True).backward()
    assert own[0][0].grad.abs().sum() > 0
    assert other[0][0].grad is None


@pytest.mark.parametrize("kind", ["discriminator", "adversarial"])
def test_parts_make_the_update_of_the_whole_batch(kind: str):
    found = []
    for parts in (1, 2):
        step = step_of(kind, critic=with_critic(), grad_accum_steps=parts)
        losses = step(batch())
        found.append(([w for n in step.networks for w in weights(n)], losses))
    (whole, losses), (pieces, in_parts) = found
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(whole, pieces, strict=True))
    torch.testing.assert_close(losses["total"], in_parts["total"])


def test_adaptive_pseudo_augmentation_is_refused_with_it():
    with pytest.raises(ValueError, match="apa_target: found it with gan_mode: relativistic"):
        stage(gan_mode=MODE, apa_target=0.6)
