"""What keeps discriminators from winning too early: approximate R1, translation, APA."""

import pytest
import torch
from torch import Tensor

from gan_color.losses import gan
from gan_color.models.discriminators import Discriminator
from gan_color.training.steps import AdversarialStep, DiscriminatorStep
from gan_color.training.steps.regularization import (
    AdaptivePseudoAugmentation,
    Regularization,
    translate,
)
from tests.helpers.tiny_steps import (
    FP32,
    adversarial,
    batch,
    generator,
    sgd,
    weights,
    with_critic,
)


def test_images_move_by_whole_pixels_and_gray_comes_in():
    images = torch.rand(3, 2, 9, 14)
    images.requires_grad_()
    shift = torch.tensor([[0.0, 0.0], [3.0, -2.0], [-5.0, 4.0]])
    found = translate(images, shift)
    expected = torch.zeros_like(images)
    expected[0] = images[0]
    expected[1, :, :-2, 3:] = images[1, :, 2:, :-3]
    expected[2, :, 4:, :-5] = images[2, :, :-4, 5:]
    assert torch.equal(found, expected)
    found.sum().backward()
    assert set(images.grad.unique().tolist()) == {0.0, 1.0}


def test_real_images_and_fakes_are_moved_alike_and_no_further_than_the_option_says():
    drawn = Regularization(translation=0.125).draw(torch.zeros(500, 2, 32, 64))
    assert drawn.shift.round().equal(drawn.shift)
    assert drawn.shift.abs().amax(dim=0).tolist() == [8.0, 4.0]
    step = adversarial(discriminator_translation=0.25)
    seen, critic = [], step.discriminator.forward

    def forward(L: Tensor, ab: Tensor) -> gan.ScaleFeatures:
        seen.append(L.detach().clone())
        return critic(L, ab)

    step.discriminator.forward = forward
    step(batch())
    assert len(seen) == 3  # real images, fakes for the generator, fakes for the discriminators
    assert all(torch.equal(seen[0], L) for L in seen[1:])
    assert not torch.equal(seen[0], batch().L)


class Linear(Discriminator):
    """One logit a pixel, `slope` times the first channel of ab."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(slope))

    def forward(self, L: Tensor, ab: Tensor) -> gan.ScaleFeatures:
        return [[self.slope * ab[:, :1]]]


@pytest.mark.parametrize("on_fakes", [False, True])
def test_approximate_r1_is_the_squared_slope_times_the_noises_variance(on_fakes: bool):
    torch.manual_seed(0)
    critic, sigma = Linear(3.0), 0.05
    options = Regularization(r1_weight=2.0, r1_sigma=sigma, r1_on_fakes=on_fakes)
    step = DiscriminatorStep(generator(), critic, sgd(critic, lr=0.0), FP32, regularization=options)
    losses = step(batch(8, 64))
    # E(slope x noise)^2 = slope^2 sigma^2, of real images and perhaps of fakes.
    expected = 2.0 * 3.0**2 * sigma**2 * (1 + on_fakes)
    assert float(losses["r1"]) == pytest.approx(expected, rel=0.05)
    assert torch.isclose(losses["total"], losses["discriminator"] + losses["r1"])


def test_approximate_r1_flattens_a_discriminator():
    found = []
    for weight in (0.0, 100.0):
        critic = Linear(3.0)
        options = Regularization(r1_weight=weight, r1_sigma=0.1)
        step = DiscriminatorStep(generator(), critic, sgd(critic), FP32, regularization=options)
        for _ in range(3):
            step(batch())
        found.append(abs(float(critic.slope.detach())))
    assert found[1] < found[0] - 0.1


class Bound(Discriminator):
    """Logits that are what the images' chroma is, with a gradient that nobody needs."""

    def __init__(self) -> None:
        super().__init__()
        self.zero = torch.nn.Parameter(torch.zeros(()))

    def forward(self, L: Tensor, ab: Tensor) -> gan.ScaleFeatures:
        return [[ab[:, :1] + self.zero]]


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_fake_shown_as_real_takes_the_place_of_its_real_image(probability: float):
    step = adversarial(critic=Bound(), apa_target=0.6, feature_matching_weight=0.0)
    step.load_state_dict({"apa_probability": probability})
    made = []
    decode = step.generator.decode
    step.generator.decode = lambda output: made.append(decode(output)) or made[-1]
    losses = step(batch())
    real, fake = batch().ab[:, :1], made[0].detach()[:, :1]
    taken_for_real = fake if probability else real
    expected = 0.5 * ((taken_for_real - 1).square().mean() + fake.square().mean())
    assert torch.isclose(losses["discriminator"], expected)
    sign = (real - 0.5).sign().mean()
    assert torch.isclose(losses["mean_sign"], sign)  # of real images, whatever is shown as real
    moved = probability - 4 / 2000  # their logits are below 0.5, so below any target
    assert float(losses["apa_probability"]) == pytest.approx(max(0.0, moved))


def test_the_probability_follows_overfitting_within_0_and_1():
    apa = AdaptivePseudoAugmentation(0.6, 100, torch.device("cpu"))
    assert not apa.draw(1000).any()
    for sign, expected in ((0.5, 0.0), (0.7, 0.3), (0.9, 0.6), (0.5, 0.3), (1.0, 0.6)):
        apa.update(torch.tensor(sign), 30)
        assert float(apa.probability) == pytest.approx(expected)
    assert float(apa.draw(4000).mean()) == pytest.approx(0.6, abs=0.05)
    for _ in range(3):
        apa.update(torch.tensor(1.0), 30)
    assert float(apa.probability) == 1.0
    assert apa.draw(1000).all()


@pytest.mark.parametrize("gan_mode", ["lsgan", "hinge", "vanilla"])
@pytest.mark.parametrize("is_real", [True, False])
def test_weights_of_images_share_out_a_loss(gan_mode: gan.GanMode, is_real: bool):
    features = [[torch.randn(4, 1, size, size)] for size in (4, 2)]
    plain = gan.discriminator_loss(gan_mode, features, is_real)
    weights = torch.tensor([1.0, 0.0, 0.0, 1.0])
    found = [gan.discriminator_loss(gan_mode, features, is_real, w) for w in (weights, 1 - weights)]
    assert torch.isclose(sum(found), plain)
    some = [[maps[0][[0, 3]]] for maps in features]
    assert torch.isclose(found[0], 0.5 * gan.discriminator_loss(gan_mode, some, is_real))


def step_of(kind: str, parts: int, **options: object) -> AdversarialStep | DiscriminatorStep:
    """A step with the critic beside the discriminators, without batch statistics."""
    options = {"norm": "none", "critic": with_critic(), "grad_accum_steps": parts, **options}
    step = adversarial(**options)
    if kind == "discriminator":
        d = step.discriminator
        step = DiscriminatorStep(
            step.generator, d, sgd(d), FP32, "lsgan", parts, Regularization.of(step.stage)
        )
    for network in (step.generator, step.discriminator):
        network.eval()
    return step


OPTIONS = {
    "r1_weight": 10.0,
    "r1_sigma": 0.1,
    "r1_on_fakes": True,
    "discriminator_translation": 0.25,
}


@pytest.mark.parametrize("kind", ["discriminator", "adversarial"])
def test_parts_make_the_update_of_the_whole_batch(kind: str):
    """Although it takes random numbers: they are drawn by image."""
    found = []
    for parts in (1, 2):
        step = step_of(kind, parts, apa_target=0.6, **OPTIONS)
        step.load_state_dict({"apa_probability": 0.5})
        torch.manual_seed(5)
        losses = step(batch())
        found.append(([w for n in step.networks for w in weights(n)], losses))
    (whole, losses), (pieces, in_parts) = found
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(whole, pieces, strict=True))
    assert losses.keys() == in_parts.keys()
    for name, value in losses.items():
        if not name.startswith("gradient"):
            assert torch.isclose(value, in_parts[name], atol=1e-5), name


def test_what_is_off_draws_no_random_number_and_logs_nothing():
    step = adversarial()
    before = torch.get_rng_state()
    losses = step(batch())
    assert torch.equal(torch.get_rng_state(), before)
    assert set(losses) == {
        "pixel",
        "adversarial",
        "feature_matching",
        "total",
        "discriminator",
        "accuracy_0",
        "accuracy_1",
        "accuracy_2",
        "gradient_norm",
        "gradient_norm_discriminator",
    }
