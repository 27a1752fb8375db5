"""A person's hints, simulated from the truth.

After Zhang et al. 2017, https://arxiv.org/abs/1705.02999, section 3.2: points near the middle, each
the mean color of a small patch. All noise is drawn on the CPU, from torch's own generator unless
another is given, so that any device gets the same hints from a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color.color.ab_bins import bin_shares
from gan_color.config.stages import HintsConfig
from gan_color.models.hints import Hints, mean_chroma, palette

SIDES = (1, 9)  # pixels of a patch's side, from and to
QUARTER = 4  # pixels a side whose mean is one color of the histogram


@dataclass(frozen=True)
class Patches:
    """Squares of images: which image, first row and column, side; int64 [P] each, on the CPU."""

    image: Tensor
    top: Tensor
    left: Tensor
    side: Tensor

    def __getitem__(self, chosen: slice) -> "Patches":
        return Patches(self.image[chosen], self.top[chosen], self.left[chosen], self.side[chosen])


def simulate_hints(
    ab: Tensor, config: HintsConfig, generator: torch.Generator | None = None
) -> Hints:
    """Hints for the true ab [B, 2, H, W], for a share of the images."""
    B = len(ab)
    chosen = torch.rand(B, generator=generator) < config.share
    whole = chosen & (torch.rand(B, generator=generator) < config.full_share)
    count = torch.empty(B).geometric_(config.point_probability, generator=generator)
    counts = (count * chosen).int().tolist()
    points = reveal(ab, draw_patches(counts, (ab.shape[-2], ab.shape[-1]), SIDES, generator))
    shown = whole.to(ab.device, non_blocking=True).view(B, 1, 1, 1)
    return Hints(
        torch.where(shown, ab, points.ab),
        torch.where(shown, torch.ones_like(points.mask), points.mask),
        _palette(ab, config, generator) if config.histogram_share or config.chroma_share else None,
    )


def whole_palette(ab: Tensor) -> Tensor:
    """The global hints [B, PALETTE] that tell all of the true ab [B, 2, H, W].

    Colors are counted at a quarter of the size, as the paper does (section 3.2).
    """
    known = torch.ones(len(ab), device=ab.device)
    return palette(bin_shares(F.avg_pool2d(ab, QUARTER)), known, mean_chroma(ab), known)


def _palette(ab: Tensor, config: HintsConfig, generator: torch.Generator | None) -> Tensor:
    """Global hints, each for its share of the images."""
    shares = (config.histogram_share, config.chroma_share)
    told = [torch.rand(len(ab), generator=generator) < share for share in shares]
    histogram, chroma = (known.float().to(ab.device, non_blocking=True) for known in told)
    counted = bin_shares(F.avg_pool2d(ab, QUARTER))
    return palette(counted, histogram, mean_chroma(ab), chroma)


def draw_patches(
    counts: Sequence[int],
    size: tuple[int, int],
    sides: tuple[int, int],
    generator: torch.Generator | None = None,
) -> Patches:
    """So many patches of each image of `size` (height, width).

    Centers are normal around the middle with a standard deviation of a quarter of the side; all
    sides from the first to the second of `sides` are alike.
    """
    image = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    side = torch.randint(sides[0], sides[1] + 1, image.shape, generator=generator)
    side = side.clamp(max=min(size))
    spread = torch.randn(2, len(image), generator=generator) / 4
    top, left = (
        ((0.5 + spread[axis]) * length - side / 2)
        .round()
        .long()
        .clamp(min=0)
        .minimum(length - side)
        for axis, length in enumerate(size)
    )
    return Patches(image, top, left, side)


def reveal(ab: Tensor, patches: Patches) -> Hints:
    """The mean color of each patch of the true ab [B, 2, H, W], all over it. Of two that overlap
    the later one covers.
    """
    B, _, H, W = ab.shape
    owner = torch.zeros(B, H, W, dtype=torch.long)  # of each pixel: its patch's number, from 1
    columns = (patches.image, patches.top, patches.left, patches.side)
    for number, (i, y, x, n) in enumerate(torch.stack(columns, dim=1).tolist(), start=1):
        owner[i, y : y + n, x : x + n] = number
    colors = _means(ab, patches)
    table = torch.cat((colors.new_zeros(1, 2), colors))
    owner = owner.to(ab.device, non_blocking=True)
    return Hints(table[owner].permute(0, 3, 1, 2), (owner > 0).unsqueeze(1).to(ab.dtype))


def _means(ab: Tensor, patches: Patches) -> Tensor:
    """The mean color [P, 2] of each patch."""
    H, W = ab.shape[-2:]
    steps = torch.arange(SIDES[1])
    rows = (patches.top[:, None] + steps).clamp(max=H - 1)
    columns = (patches.left[:, None] + steps).clamp(max=W - 1)
    inside = steps < patches.side[:, None]
    weight = (inside[:, :, None] & inside[:, None, :]) / patches.side.view(-1, 1, 1).square()
    place = (patches.image[:, None, None], rows[:, :, None], columns[:, None, :])
    image, rows, columns = (index.to(ab.device, non_blocking=True) for index in place)
    values = ab[image, :, rows, columns]  # [P, sides, sides, 2]
    means: Tensor = (values * weight.to(ab.device, ab.dtype).unsqueeze(-1)).sum(dim=(1, 2))
    return means
