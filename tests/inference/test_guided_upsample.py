"""Chroma enlarged along the edges of lightness."""

import numpy as np
import pytest
import torch
from PIL import Image

from gan_color.color.lab import from_rgb8
from gan_color.inference.guided_upsample import GuidedUpsampler, bicubic, fit_coefficients


def parts(image: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    rgb = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    return from_rgb8(rgb)


def enlarged(ab: torch.Tensor, L: torch.Tensor, strip: int = 1000) -> torch.Tensor:
    height, width = L.shape[-2:]
    small = (ab.shape[-2], ab.shape[-1])
    middle = bicubic(L, (min(2 * small[0], height), min(2 * small[1], width)))
    enlargement = GuidedUpsampler(fit_coefficients(ab, bicubic(L, small), middle), (height, width))
    tops = range(0, height, strip)
    return torch.cat([enlargement.rows(t, L[:, :, t : t + strip]) for t in tops], dim=2)


@pytest.mark.parametrize("shrink", [4, 8])
def test_it_is_nearer_to_the_truth_than_bicubic(shrink: int, coffee: Image.Image):
    L, ab = parts(coffee)
    small = bicubic(ab, (coffee.height // shrink, coffee.width // shrink))
    guided, plain = enlarged(small, L), bicubic(small, (coffee.height, coffee.width))
    error, before = ((x - ab).norm(dim=1).mean() for x in (guided, plain))
    assert error < 0.95 * before


def test_strips_do_not_show(coffee: Image.Image):
    L, ab = parts(coffee)
    small = bicubic(ab, (50, 75))
    whole = enlarged(small, L)
    for strip in (1, 64, 137):
        assert (enlarged(small, L, strip) - whole).abs().max() < 1e-5


def test_rows_without_slope_are_torchs_bicubic():
    """The weights are those of torch.nn.functional.interpolate, edges included."""
    offsets = torch.rand(1, 2, 13, 17) * 0.5
    flat = torch.cat((torch.zeros_like(offsets), offsets), dim=1)
    for size in ((100, 90), (13, 17), (14, 200)):
        found = GuidedUpsampler(flat, size).rows(0, torch.zeros(1, 1, *size))
        assert (found - bicubic(offsets, size)).abs().max() < 1e-5


def test_at_the_render_size_nothing_changes(coffee: Image.Image):
    L, ab = parts(coffee.resize((60, 40)))
    assert (enlarged(ab, L) - ab).abs().max() < 1e-4
    assert enlarged(torch.zeros(1, 2, 10, 15), L).abs().max() == 0
