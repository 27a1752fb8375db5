"""Hints drawn from the truth: how many, where, of what color, and from which noise."""

import pytest
import torch

from gan_color.color.ab_bins import BIN_COUNT, bin_histogram
from gan_color.config.stages import HintsConfig
from gan_color.data.simulated_hints import (
    SIDES,
    draw_patches,
    reveal,
    simulate_hints,
    whole_palette,
)
from gan_color.models.hints import CHROMA_SCALE, Hints


def truth(count: int = 2, height: int = 40, width: int = 64) -> torch.Tensor:
    return torch.rand(count, 2, height, width, generator=noise()) * 1.6 - 0.8


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def reveal_points(ab: torch.Tensor, counts: list[int], generator: torch.Generator) -> Hints:
    return reveal(ab, draw_patches(counts, (ab.shape[-2], ab.shape[-1]), SIDES, generator))


def test_a_point_is_the_mean_of_a_square_patch_of_the_truth():
    ab, seen = truth(64), set()
    hints = reveal_points(ab, [1] * 64, noise())
    for i in range(64):
        rows, columns = (hints.mask[i, 0].any(dim=axis).nonzero().flatten() for axis in (1, 0))
        side = len(rows)
        assert side == len(columns) == rows[-1] - rows[0] + 1
        assert hints.mask[i].sum() == side**2
        patch = ab[i, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        found = hints.ab[i, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert torch.allclose(found, patch.mean(dim=(1, 2)).view(2, 1, 1).expand_as(found))
        seen.add(side)
    assert seen == set(range(1, SIDES[1] + 1))
    assert hints.ab[(hints.mask == 0).expand_as(hints.ab)].abs().max() == 0


def test_points_lie_around_the_middle():
    """Means and standard deviations of the centers, of the side: 1/2, and 1/4 but for clipping."""
    ab = torch.zeros(1, 2, 100, 200).expand(3000, -1, -1, -1)
    mask = reveal_points(ab, [1] * 3000, noise()).mask[:, 0]
    for axis, length in ((2, 100), (1, 200)):
        line = mask.any(dim=axis).float()
        center = (line * (torch.arange(length) + 0.5)).sum(1) / line.sum(1) / length
        assert center.mean() == pytest.approx(0.5, abs=0.02)
        assert center.std() == pytest.approx(0.25, abs=0.02)
        assert center.min() < 0.05
        assert center.max() > 0.95


def test_counts_are_geometric_in_a_share_of_the_crops():
    """Seen through patches that hardly meet: areas over the mean area of a patch."""
    ab = torch.zeros(1, 2, 400, 400).expand(600, -1, -1, -1)
    hints = simulate_hints(ab, HintsConfig(share=0.5, full_share=0), noise())
    area = hints.mask.sum(dim=(1, 2, 3))
    assert (area > 0).float().mean() == pytest.approx(0.5, abs=0.06)
    mean_patch = sum(n * n for n in range(1, SIDES[1] + 1)) / SIDES[1]
    assert area[area > 0].mean() / mean_patch == pytest.approx(8, abs=1)
    every = simulate_hints(
        ab, HintsConfig(share=1, point_probability=0.9999, full_share=0), noise()
    )
    assert every.mask.sum(dim=(1, 2, 3)).max() <= SIDES[1] ** 2


def test_now_and_then_all_of_it_is_told():
    ab = truth(400)
    hints = simulate_hints(ab, HintsConfig(share=0.5, full_share=0.2), noise())
    whole = hints.mask.flatten(1).all(dim=1)
    assert whole.float().mean() == pytest.approx(0.1, abs=0.04)
    assert torch.equal(hints.ab[whole], ab[whole])


def test_the_noise_alone_decides():
    """And torch's own is taken where none is given: the one that a checkpoint keeps."""
    ab, config = truth(8), HintsConfig()
    one, other = (simulate_hints(ab, config, noise(1)) for _ in range(2))
    assert torch.equal(one.mask, other.mask)
    assert torch.equal(one.ab, other.ab)
    assert not torch.equal(one.mask, simulate_hints(ab, config, noise(2)).mask)
    torch.manual_seed(1)
    assert torch.equal(simulate_hints(ab, config).mask, one.mask)


def test_crops_smaller_than_a_patch_and_no_points_at_all():
    hints = reveal_points(truth(3, 4, 6), [5, 0, 1], noise())
    assert hints.mask[0].any()
    assert not hints.mask[1].any()
    assert not reveal_points(truth(2), [0, 0], noise()).mask.any()


def test_global_hints_are_the_truths_each_for_its_share_of_the_crops():
    ab = truth(200)
    config = HintsConfig(share=0.5, histogram_share=0.3, chroma_share=0.7)
    told, whole = simulate_hints(ab, config, noise()).palette, whole_palette(ab)
    histogram, chroma = told[:, BIN_COUNT].bool(), told[:, -1].bool()
    assert histogram.float().mean() == pytest.approx(0.3, abs=0.1)
    assert chroma.float().mean() == pytest.approx(0.7, abs=0.1)
    assert (histogram & chroma).float().mean() == pytest.approx(0.21, abs=0.1)  # independent
    assert torch.equal(told[histogram, :BIN_COUNT], whole[histogram, :BIN_COUNT])
    assert torch.equal(told[chroma, -2:], whole[chroma, -2:])
    assert told[~histogram, : BIN_COUNT + 1].abs().sum() == told[~chroma, -2:].abs().sum() == 0
    # Shares of a quarter of the size: of this noise hardly anything is far from neutral.
    shares = whole[0, :BIN_COUNT].square()
    assert float(shares.sum()) == pytest.approx(1)
    small = torch.nn.functional.avg_pool2d(ab[:1], 4)
    assert torch.allclose(shares.double(), bin_histogram(small) / small[0, 0].numel(), atol=1e-6)
    assert float(whole[0, -2]) == pytest.approx(
        CHROMA_SCALE * float(ab[0].norm(dim=0).mean()), rel=1e-5
    )


def test_without_shares_of_global_hints_none_are_drawn():
    ab, generators = truth(8), (noise(), noise())
    plain = simulate_hints(ab, HintsConfig(), generators[0])
    both = simulate_hints(ab, HintsConfig(histogram_share=1), generators[1])
    assert plain.palette is None
    assert torch.equal(plain.mask, both.mask)  # local hints are drawn first, as they always were
