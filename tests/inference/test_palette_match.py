"""An answer is brought to the colors it was told, within limits."""

import pytest
import torch
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT, bin_shares
from gan_color.color.lab import AB_SCALE
from gan_color.inference.palette_match import MOST, match_palette
from gan_color.models.hints import mean_chroma, palette


def colors(seed: int = 0, around: tuple[float, float] = (20.0, -10.0)) -> Tensor:
    """ab [1, 2, 64, 64] of one main color and others, in -1..1."""
    generator = torch.Generator().manual_seed(seed)
    ab = 15 * torch.randn(1, 2, 64, 64, generator=generator)
    return (ab + torch.tensor(around).view(1, 2, 1, 1)) / AB_SCALE


def told_of(ab: Tensor, shares: bool = True, chroma: bool = True) -> Tensor:
    shares_known, chroma_known = (torch.full((len(ab),), float(each)) for each in (shares, chroma))
    return palette(bin_shares(ab), shares_known, mean_chroma(ab), chroma_known)


def test_colors_that_a_matrix_made_soft_come_back():
    truth = colors()
    soft = torch.einsum("ij,bjhw->bihw", torch.tensor([[0.8, 0.1], [0.1, 0.6]]), truth)
    near = match_palette(soft, told_of(truth))
    # Bins are 10 wide: what they tell of the truth is rounded.
    assert (near - truth).norm() < 0.15 * (soft - truth).norm()
    assert float(mean_chroma(near)) == pytest.approx(float(mean_chroma(truth)), rel=0.01)


def test_chroma_that_is_all_alike_becomes_as_unequal_as_told():
    truth = colors(around=(0.0, 0.0))
    chroma = truth.norm(dim=1, keepdim=True)
    alike = truth * chroma**-0.4
    near = match_palette(alike, told_of(truth)).norm(dim=1)
    inequality = [float(c.std() / c.mean()) for c in (chroma, alike.norm(dim=1), near)]
    assert inequality[2] == pytest.approx(inequality[0], rel=0.1)
    assert inequality[1] < 0.7 * inequality[0]


def test_what_has_the_colors_already_hardly_changes():
    truth = colors()
    assert (match_palette(truth, told_of(truth)) - truth).abs().max() < 4 / AB_SCALE


def test_neutral_stays_neutral_and_limits_hold():
    ab = colors() / 50
    ab[..., :32] = 0
    out = match_palette(ab, told_of(colors()))
    assert not out[..., :32].any()
    changed = (out.norm(dim=1) / ab.norm(dim=1))[..., 32:]
    assert changed.min() > 1
    assert changed.max() <= MOST * 1.001


def test_a_mean_chroma_alone_is_one_factor():
    ab = colors()
    out = match_palette(ab, told_of(1.4 * ab, shares=False))
    assert torch.allclose(out, 1.4 * ab, rtol=1e-3)


def test_colors_fainter_than_bins_are_one_factor():
    faint = 0.05 * colors()
    told = told_of(1.5 * faint)
    assert told[0, :BIN_COUNT].square().max() > 0.99  # all in the neutral bin
    assert torch.allclose(match_palette(faint, told), 1.5 * faint, rtol=0.05, atol=1e-3)


def test_nothing_known_changes_nothing_and_images_are_matched_one_by_one():
    pair = torch.cat((colors(), colors(1, around=(-10.0, 30.0))))
    for unknown in (told_of(pair, False, False), torch.zeros(2, BIN_COUNT + 3)):
        assert torch.equal(match_palette(pair, unknown), pair)
    swapped = told_of(pair.flip(0))
    alone = [match_palette(pair[i : i + 1], swapped[i : i + 1]) for i in range(2)]
    assert torch.equal(match_palette(pair, swapped), torch.cat(alone))
