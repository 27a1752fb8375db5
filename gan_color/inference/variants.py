"""Several plausible answers for one photo: the model is told other distributions of colors.

They are those of photos of like content (gan_color.models.hints.PaletteBank), mixed with the one
that the model gives by itself. A number says which: it gives the same answer at any time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color.color.ab_bins import ab_bins, bin_shares
from gan_color.color.lab import AB_SCALE
from gan_color.models.hints import PaletteBank, palette

SHARE = 0.8  # of the other photos' palette; the rest is the model's own
QUARTER = 4  # pixels a side whose mean is one color, as in training
NONE = (
    "variant: this model has one answer, expected one with palettes: `gan-color palettes MODEL` "
    "gives them to a model that takes hints"
)


def variant_palettes(bank: PaletteBank, content: Tensor, ab: Tensor, number: int) -> Tensor:
    """Global hints [B, PALETTE] of a variant, from 1, of photos of `content` [B, C] for which the
    model gives ab [B, 2, h, w] by itself.

    The first few are the bank's palettes, the least like the model's own and like those before
    them first; further ones are mixtures of two, drawn from the number.
    """
    own = bin_shares(F.avg_pool2d(ab, QUARTER))
    others = bank.of_like_content(content)
    told = []
    for expected, candidates in zip(own, others, strict=True):
        order = _by_unlikeness(expected, candidates)
        if number <= len(order):
            chosen = candidates[order[number - 1]]
        else:
            generator = torch.Generator().manual_seed(number)
            first, second = torch.randperm(len(order), generator=generator)[:2].tolist()
            mixed = float(torch.rand((), generator=generator))
            chosen = mixed * candidates[first] + (1 - mixed) * candidates[second]
        told.append(SHARE * chosen + (1 - SHARE) * expected)
    shares = torch.stack(told)
    chroma = shares @ ab_bins().to(shares.device).norm(dim=1) / AB_SCALE
    known = torch.ones_like(chroma)
    return palette(shares, known, chroma, known)


def _by_unlikeness(expected: Tensor, candidates: Tensor) -> list[int]:
    """Indices of palettes [N, 313]: each time the one farthest from all that came before."""
    # Of distributions: the distance of Hellinger, but for a factor.
    roots = torch.cat((expected[None], candidates)).sqrt()
    distance = torch.cdist(roots, roots)
    order: list[int] = []
    nearest = distance[0, 1:].clone()
    for _ in range(len(candidates)):
        index = int(nearest.argmax())
        order.append(index)
        nearest = torch.minimum(nearest, distance[1 + index, 1:])
        nearest[order] = -1
    return order
