"""The 313 bins and class rebalancing."""

import torch

from gan_color.color import ab_bins
from gan_color.color.lab import AB_SCALE, rgb_to_lab

# Per row of a*, the first and last b* of the published list (Zhang et al. 2016).
PUBLISHED_ROWS = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}


def test_bins_are_the_published_313_in_their_order():
    published = [
        [a, b] for a, (low, high) in PUBLISHED_ROWS.items() for b in range(low, high + 1, 10)
    ]
    assert len(published) == 313
    assert ab_bins.ab_bins().tolist() == published


def test_nearest_bin_agrees_with_a_search_over_all_bins():
    generator = torch.Generator().manual_seed(0)
    rgb = torch.rand(1, 3, 40, 40, generator=generator)
    ab = rgb_to_lab(rgb)[:, 1:]
    found = ab_bins.ab_bins()[ab_bins.nearest_bin(ab / AB_SCALE)[0]]
    points = ab[0].permute(1, 2, 0)
    distance = (found - points).norm(dim=-1)
    best = torch.cdist(points.reshape(-1, 2), ab_bins.ab_bins()).min(dim=1).values
    assert torch.allclose(distance.flatten(), best, atol=1e-3)


def test_smoothing_keeps_a_distribution_and_spreads_it():
    histogram = torch.zeros(313, dtype=torch.float64)
    histogram[150] = 1000
    prior = ab_bins.smooth_prior(histogram)
    assert torch.isclose(prior.sum(), torch.tensor(1.0, dtype=torch.float64))
    assert prior.argmax() == 150
    assert (prior > 0).sum() > 9


def test_weights_have_mean_one_under_the_prior_and_favor_rare_colors():
    prior = ab_bins.smooth_prior(torch.arange(313, dtype=torch.float64) ** 3)
    weights = ab_bins.class_weights(prior)
    assert abs(float((prior * weights).sum()) - 1) < 1e-5
    assert weights[prior.argmin()] > weights[prior.argmax()]


def test_a_cap_bounds_how_much_a_rare_color_counts():
    prior = ab_bins.smooth_prior(torch.arange(313, dtype=torch.float64) ** 3)
    free, capped = ab_bins.class_weights(prior), ab_bins.class_weights(prior, cap=2.0)
    assert abs(float((prior * capped).sum()) - 1) < 1e-5
    assert capped.max() / capped.min() < free.max() / free.min()


def test_a_wholly_uniform_mixture_is_no_rebalancing():
    prior = ab_bins.smooth_prior(torch.arange(1, 314, dtype=torch.float64))
    assert torch.allclose(ab_bins.class_weights(prior, uniform=1.0), torch.ones(313), atol=1e-5)
