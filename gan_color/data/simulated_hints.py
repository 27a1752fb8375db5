"""A person's hints, simulated from the truth.

After Zhang et al. 2017, https://arxiv.org/abs/1705.02999, section 3.2: points near the middle, each
the mean color of a small patch. All noise is drawn on the CPU, from torch's own generator unless
another is given, so that any device gets the same hints from a seed.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_color.config.stages import HintsConfig
from gan_color.models.hints import Hints

MAX_PATCH = 9  # pixels a side


def simulate_hints(
    ab: Tensor, config: HintsConfig, generator: torch.Generator | None = None
) -> Hints:
    """Hints for the true ab [B, 2, H, W], for a share of the images."""
    B = len(ab)
    chosen = torch.rand(B, generator=generator) < config.share
    whole = chosen & (torch.rand(B, generator=generator) < config.full_share)
    count = torch.empty(B).geometric_(config.point_probability, generator=generator)
    points = reveal_points(ab, (count * chosen).int().tolist(), generator)
    shown = whole.to(ab.device, non_blocking=True).view(B, 1, 1, 1)
    return Hints(
        torch.where(shown, ab, points.ab),
        torch.where(shown, torch.ones_like(points.mask), points.mask),
    )


def reveal_points(
    ab: Tensor, counts: Sequence[int], generator: torch.Generator | None = None
) -> Hints:
    """For each image of the true ab [B, 2, H, W], so many points.

    Centers are normal around the middle with a standard deviation of a quarter of the side; patches
    have 1 to MAX_PATCH pixels a side, all sizes alike. Of two that overlap the later one covers.
    """
    B, _, H, W = ab.shape
    image = torch.repeat_interleave(torch.arange(B), torch.tensor(counts))
    P = len(image)
    side = torch.randint(1, MAX_PATCH + 1, (P,), generator=generator).clamp(max=min(H, W))
    spread = torch.randn(2, P, generator=generator) / 4
    top, left = (
        ((0.5 + spread[axis]) * length - side / 2)
        .round()
        .long()
        .clamp(min=0)
        .minimum(length - side)
        for axis, length in enumerate((H, W))
    )
    owner = torch.zeros(B, H, W, dtype=torch.long)  # of each pixel: its point's number, from 1
    places = torch.stack((image, top, left, side), dim=1).tolist()
    for number, (i, y, x, n) in enumerate(places, start=1):
        owner[i, y : y + n, x : x + n] = number
    colors = _patch_means(ab, image, top, left, side)
    table = torch.cat((colors.new_zeros(1, 2), colors))
    owner = owner.to(ab.device, non_blocking=True)
    return Hints(table[owner].permute(0, 3, 1, 2), (owner > 0).unsqueeze(1).to(ab.dtype))


def _patch_means(ab: Tensor, image: Tensor, top: Tensor, left: Tensor, side: Tensor) -> Tensor:
    """The mean color [P, 2] of each patch of the images."""
    H, W = ab.shape[-2:]
    steps = torch.arange(MAX_PATCH)
    rows = (top[:, None] + steps).clamp(max=H - 1)
    columns = (left[:, None] + steps).clamp(max=W - 1)
    inside = steps < side[:, None]
    weight = (inside[:, :, None] & inside[:, None, :]) / side.view(-1, 1, 1).square()
    place = (image[:, None, None], rows[:, :, None], columns[:, None, :])
    image, rows, columns = (index.to(ab.device, non_blocking=True) for index in place)
    values = ab[image, :, rows, columns]  # [P, MAX_PATCH, MAX_PATCH, 2]
    means: Tensor = (values * weight.to(ab.device, ab.dtype).unsqueeze(-1)).sum(dim=(1, 2))
    return means
