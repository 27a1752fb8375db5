"""Losses against formulas written down independently."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.color import deltaE_ciede94
from torch import nn

from gan_color.errors import GanColorError
from gan_color.losses import color, gan, perceptual, pixel


def features(seed: int, scales: int = 3, maps: int = 5) -> gan.ScaleFeatures:
    generator = torch.Generator().manual_seed(seed)
    return [
        [torch.randn(2, 4, 6, 6, generator=generator) for _ in range(maps)] for _ in range(scales)
    ]


def constant(value: float) -> gan.ScaleFeatures:
    return [[torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), value)] for _ in range(3)]


def test_feature_matching_is_zero_on_equal_inputs_and_not_otherwise():
    assert gan.feature_matching_loss(features(0), features(0)) == 0
    assert gan.feature_matching_loss(features(0), features(1)) > 0


def test_feature_matching_has_the_weights_of_pix2pixhd_and_leaves_the_logits_out():
    fake, real = features(0), features(1)
    n_layers = 3  # five maps: n_layers + 1 features and the logits
    expected = sum(
        4 / (n_layers + 1) / 3 * F.l1_loss(f, r)
        for scale_fake, scale_real in zip(fake, real, strict=True)
        for f, r in zip(scale_fake[:-1], scale_real[:-1], strict=True)
    )
    assert torch.isclose(gan.feature_matching_loss(fake, real), expected)


def test_feature_matching_sends_no_gradient_to_the_real_side():
    fake, real = features(0), features(1)
    for maps in (*fake, *real):
        for m in maps:
            m.requires_grad_()
    gan.feature_matching_loss(fake, real).backward()
    by_sign = 4 / 4 / 3 * (fake[0][0] - real[0][0]).detach().sign() / fake[0][0].numel()
    assert torch.allclose(fake[0][0].grad, by_sign)
    assert real[0][0].grad is None


def test_feature_matching_keeps_a_byte_a_number_for_the_backward_pass():
    kept = []
    fake, real = ([[m.bfloat16() for m in maps] for maps in features(seed)] for seed in (0, 1))
    for maps in fake:
        for m in maps:
            m.requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        gan.feature_matching_loss(fake, real)
    numbers = sum(m.numel() for maps in fake for m in maps[:-1])
    assert sum(t.nbytes for t in kept if t.numel() > 1) == numbers


@pytest.mark.parametrize(
    ("objective", "real", "fake", "expected"),
    [
        ("lsgan", 1.0, 0.0, 0.0),
        ("lsgan", 0.0, 1.0, 3 * 0.5 * 2),
        ("hinge", 1.0, -1.0, 0.0),
        ("hinge", 0.0, 0.0, 3 * 0.5 * 2),
        ("vanilla", 0.0, 0.0, 3 * 0.5 * 2 * np.log(2)),
    ],
)
def test_discriminator_loss_at_known_points(objective, real, fake, expected):
    found = gan.discriminator_loss(objective, constant(real), is_real=True)
    found = found + gan.discriminator_loss(objective, constant(fake), is_real=False)
    assert float(found) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("objective", "fake", "expected"),
    [
        ("lsgan", 1.0, 0.0),
        ("lsgan", 0.0, 3.0),
        ("hinge", 2.0, -6.0),
        ("vanilla", 0.0, 3 * np.log(2)),
    ],
)
def test_adversarial_loss_at_known_points(objective, fake, expected):
    assert float(gan.adversarial_loss(objective, constant(fake))) == pytest.approx(expected)


def test_vanilla_is_binary_cross_entropy_with_logits():
    logits = torch.linspace(-4, 4, 9).view(1, 1, 3, 3)
    found = gan.adversarial_loss("vanilla", [[logits]])
    assert torch.isclose(found, F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)))


def test_accuracy_counts_patches_judged_rightly():
    real, fake = constant(0.9), constant(0.1)
    assert [float(a) for a in gan.discriminator_accuracy("lsgan", real, fake)] == [1.0] * 3
    assert [float(a) for a in gan.discriminator_accuracy("lsgan", fake, real)] == [0.0] * 3


def test_pixel_losses_agree_with_their_formulas():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 2, 5, 5, generator=generator) for _ in range(2))
    d = (a - b).abs()
    assert torch.isclose(pixel.pixel_loss(a, b, "l1"), d.mean())
    assert torch.isclose(pixel.pixel_loss(a, b, "l2"), (d * d).mean())
    huber = torch.where(d < 0.1, d * d / (2 * 0.1), d - 0.05).mean()
    assert torch.isclose(pixel.pixel_loss(a, b, "huber", 0.1), huber)
    weight = torch.rand(2, 1, 5, 5, generator=generator)
    assert torch.isclose(pixel.pixel_loss(a, b, "l1", weight=weight), (d * weight).mean())


def test_colorfulness_agrees_with_a_numpy_computation():
    rgb = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = []
    for r, g, b in (255 * rgb).numpy().astype(np.float64):
        rg, yb = np.abs(r - g), np.abs(0.5 * (r + g) - b)
        spread = np.sqrt(rg.std(ddof=1) ** 2 + yb.std(ddof=1) ** 2)
        expected.append(spread + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
    assert np.allclose(color.colorfulness(rgb).numpy(), expected, rtol=1e-4)


def test_colorfulness_loss_pulls_a_dull_image_towards_color():
    gray = torch.full((1, 3, 8, 8), 0.5)
    vivid = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert color.colorfulness_loss(gray, vivid) > 0.1
    gray.requires_grad_()
    color.colorfulness_loss(gray, vivid).backward()
    assert gray.grad.isfinite().all()


def test_color_difference_is_scikit_images_cie94_at_equal_lightness():
    rng = np.random.default_rng(0)
    found, truth = rng.uniform(-60, 60, (2, 1, 2, 8, 8)).astype(np.float32)
    lab = [
        np.concatenate((np.full((8, 8, 1), 50.0), x[0].transpose(1, 2, 0)), -1)
        for x in (truth, found)
    ]
    loss = color.color_difference_loss(torch.from_numpy(found) / 110, torch.from_numpy(truth) / 110)
    assert float(loss) == pytest.approx(deltaE_ciede94(*lab).mean(), rel=1e-3)


def test_color_difference_has_finite_gradients_on_neutral_colors():
    gray = torch.zeros(1, 2, 4, 4, requires_grad=True)
    color.color_difference_loss(gray, torch.zeros(1, 2, 4, 4)).backward()
    assert gray.grad.abs().max() == 0
    color.color_difference_loss(gray, torch.full((1, 2, 4, 4), 0.1)).backward()
    assert gray.grad.isfinite().all()
    assert (gray.grad < 0).all()


def test_more_color_than_the_truth_has_is_not_rewarded():
    truth = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.4
    garish = ((truth - 0.5) * 3 + 0.5).requires_grad_()
    loss = color.colorfulness_loss(garish, truth)
    assert float(loss) == 0
    assert float(color.colorfulness_loss(truth, truth)) == 0


def test_psnr_loss_is_the_mean_of_the_images_logarithms():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 3, 8, 8, generator=generator)
    noise = torch.randn(2, 3, 8, 8, generator=generator) * torch.tensor([0.05, 0.3]).view(
        2, 1, 1, 1
    )
    found = pixel.psnr_loss(truth + noise, truth)
    psnr = -10 * torch.log10(noise.square().mean(dim=(1, 2, 3)) + pixel.PSNR_FLOOR)
    assert float(found) == pytest.approx(-float(psnr.mean()) / 10 * np.log(10), rel=1e-5)
    # Halving the error of either image gains as much.
    gains = []
    for i in range(2):
        better = noise.clone()
        better[i] /= 2
        gains.append(float(found - pixel.psnr_loss(truth + better, truth)))
    assert gains[0] == pytest.approx(gains[1], rel=0.1)  # but for the floor


class TwoMaps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        first = self.conv(x)
        return [first, self.norm(first)]


def test_perceptual_loss_is_zero_on_equal_images_and_its_network_never_changes():
    torch.manual_seed(0)
    loss = perceptual.PerceptualLoss(TwoMaps())
    loss.train()
    before = {k: v.clone() for k, v in loss.state_dict().items()}
    a, b = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8).requires_grad_()
    assert loss(a, a) == 0
    value = loss(b, a)
    value.backward()
    assert value > 0
    assert b.grad.abs().sum() > 0
    assert all(p.grad is None for p in loss.parameters())
    assert all(torch.equal(v, before[k]) for k, v in loss.state_dict().items())


def test_maps_weigh_what_they_are_told_to():
    a, b = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    maps = TwoMaps()
    whole = [float(perceptual.PerceptualLoss(maps, w)(b, a)) for w in ((1, 0), (0, 1), (2, 3))]
    assert whole[2] == pytest.approx(2 * whole[0] + 3 * whole[1])
    with pytest.raises(GanColorError, match="found 3 numbers, expected 2"):
        perceptual.PerceptualLoss(maps, (1, 2, 3))(b, a)
