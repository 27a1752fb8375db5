"""Lab over 8-bit colorizes against scikit-image in float64."""

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from gan_color.color.lab import (
    denormalize,
    float_to_rgb8,
    gray_value,
    lab_to_rgb,
    normalize,
    rgb_to_lab,
    to_float,
)
from gan_color.errors import GanColorError


def planes(step: int) -> list[torch.Tensor]:
    """All (green, blue) for every `step`-th red, black and white included: [1, 3, 256, 256]."""
    axis = torch.arange(256, dtype=torch.uint8)
    green, blue = torch.meshgrid(axis, axis, indexing="ij")
    reds = sorted({*range(0, 256, step), 255})
    return [torch.stack((torch.full_like(green, r), green, blue))[None] for r in reds]


def test_all_8_bit_colors_agree_with_scikit_image_and_their_round_trip_is_exact():
    worst_lab, worst_rgb = 0.0, 0.0
    for rgb in planes(1):
        lab = rgb_to_lab(to_float(rgb))
        reference = rgb2lab(rgb[0].permute(1, 2, 0).numpy().astype(np.float64) / 255)
        worst_lab = max(worst_lab, np.abs(lab[0].permute(1, 2, 0).numpy() - reference).max())
        back = lab_to_rgb(lab)
        assert torch.equal(float_to_rgb8(back), rgb)
        there = np.abs(back[0].permute(1, 2, 0).numpy() - lab2rgb(reference)).max()
        worst_rgb = max(worst_rgb, there)
    assert worst_lab <= 1e-4
    assert worst_rgb <= 1e-4


def test_autocast_does_not_touch_lab():
    rgb = to_float(planes(128)[1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = lab_to_rgb(rgb_to_lab(rgb))
    assert under_autocast.dtype == torch.float32
    assert torch.equal(under_autocast, lab_to_rgb(rgb_to_lab(rgb)))


def test_half_precision_input_is_computed_in_float32():
    assert rgb_to_lab(torch.full((1, 3, 1, 1), 0.5, dtype=torch.bfloat16)).dtype == torch.float32


def test_gradients_are_finite_everywhere_black_and_white_included():
    edge = torch.tensor([0.0, 1e-8, 0.003, 0.04045, 0.5, 1.0])
    rgb = torch.cartesian_prod(edge, edge, edge).T.reshape(1, 3, 1, -1).requires_grad_()
    lab = rgb_to_lab(rgb)
    lab.sum().backward()
    assert rgb.grad.isfinite().all()
    leaf = lab.detach().clone().requires_grad_()
    lab_to_rgb(leaf).sum().backward()
    assert leaf.grad.isfinite().all()
    outside = torch.tensor([50.0, 120.0, -120.0]).view(1, 3, 1, 1).requires_grad_()
    lab_to_rgb(outside).sum().backward()
    assert outside.grad.isfinite().all()


def test_gradients_are_right():
    generator = torch.Generator().manual_seed(0)
    rgb = torch.rand(1, 3, 2, 2, generator=generator, dtype=torch.float64) * 0.8 + 0.1
    assert torch.autograd.gradcheck(rgb_to_lab, rgb.requires_grad_())
    lab = rgb_to_lab(rgb.detach())
    assert torch.autograd.gradcheck(lab_to_rgb, lab.requires_grad_())


def test_no_chroma_gives_three_equal_channels():
    lightness = torch.linspace(0, 100, 10001).view(1, 1, 1, -1)
    r, g, b = lab_to_rgb(torch.cat((lightness, lightness * 0, lightness * 0), 1)).unbind(1)
    assert torch.equal(r, g)
    assert torch.equal(g, b)


def test_colors_outside_the_gamut_are_clipped():
    rgb = lab_to_rgb(torch.tensor([60.0, 110.0, -110.0]).view(1, 3, 1, 1))
    assert rgb.min() >= 0
    assert rgb.max() <= 1


def test_scaling_is_undone_and_stays_inside_one():
    lab = torch.cat([rgb_to_lab(to_float(p)) for p in planes(51)])
    L, ab = normalize(lab)
    assert L.abs().max() <= 1 + 1e-6
    assert ab.abs().max() < 1
    assert torch.allclose(denormalize(L, ab), lab, atol=1e-4)


@pytest.mark.parametrize(
    "bad", [torch.zeros(3, 4, 4), torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 4, 4).byte()]
)
@pytest.mark.parametrize("convert", [rgb_to_lab, lab_to_rgb])
def test_a_wrong_tensor_is_refused_with_what_was_found(convert, bad):
    with pytest.raises(GanColorError, match=r"found .* expected a floating-point \[B, 3, H, W\]"):
        convert(bad)


def test_gray_is_the_value_that_has_this_lightness():
    value = torch.linspace(0, 1, 33).view(1, 1, 1, 33)
    L, _ = normalize(rgb_to_lab(value.expand(-1, 3, -1, -1)))
    assert torch.allclose(gray_value(L), value, atol=2e-4)
    assert gray_value(L.to("meta")).shape == value.shape
