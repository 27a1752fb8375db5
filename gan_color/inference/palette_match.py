"""An answer brought to the colors it was told: a model that is unsure answers more softly, and with
fewer hues, than a reference photograph has.
"""

import torch
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT, ab_bins
from gan_color.color.lab import AB_SCALE
from gan_color.models.hints import CHROMA_SCALE, mean_chroma

MOST = 2.75  # factor of a pixel's chroma, and power of it: at most, and 1 / MOST at least
MOST_OF_VARIANTS = 1.6  # a like photograph's colors, where this one need not have them all
FAINT = 0.2 / AB_SCALE  # chroma (0.2 of a*, b*) beside which nothing is to be divided
TINY = 1e-9  # instead of a 0 to divide by
RIDGE = 1e-5 * torch.eye(2)  # square of a third of a*, b*: hues that are not there have a limit


def match_palette(ab: Tensor, told: Tensor, most: float = MOST) -> Tensor:
    """ab [B, 2, h, w] in -1..1, changed as far as `most` allows so that it has what `told`
    [B, PALETTE] says: the mean chroma, and, where they are known too, the second moments of the
    colors around neutral and how unequal their chroma is. Neutral stays neutral. As it is where
    no mean chroma is known.
    """
    told = told.to(ab.device, torch.float32)
    return torch.stack([_matched(*pair, most) for pair in zip(ab.float(), told, strict=True)])


def _matched(ab: Tensor, told: Tensor, most: float) -> Tensor:
    roots, (known, chroma, chroma_known) = told[:BIN_COUNT], told[BIN_COUNT:]
    if not chroma_known:
        return ab
    chroma = chroma / CHROMA_SCALE
    bins, shares = ab_bins().to(ab.device) / AB_SCALE, roots.square()
    counted = (bins.norm(dim=1) * shares).sum()
    before, power = ab.norm(dim=0), torch.ones((), device=ab.device)
    if known and counted > chroma / 2:  # bins are 10 wide: fainter colors are in the neutral one
        bins = bins * chroma / counted
        ab = torch.einsum("ij,jhw->ihw", _along_hues(ab, bins, shares, most), ab)
        deviation = (shares * (bins.norm(dim=1) - chroma).square()).sum().sqrt()
        found = ab.norm(dim=0)
        power = _bounded(deviation / chroma * found.mean() / found.std().clamp(min=FAINT), most)
    found = ab.norm(dim=0).clamp(min=FAINT)
    curve = (found / found.mean()) ** (power - 1)
    wanted = chroma / mean_chroma((ab * curve)[None]).clamp(min=FAINT)
    factor = curve * wanted
    grown = (ab.norm(dim=0) * factor / before.clamp(min=TINY)).clamp(min=TINY)
    matched: Tensor = ab * factor * _bounded(grown, most) / grown
    return matched


def _along_hues(ab: Tensor, bins: Tensor, shares: Tensor, most: float) -> Tensor:
    """[2, 2]: what gives ab [2, h, w] the second moments of the colors `bins` [n, 2] with `shares`
    [n], with the least change (the linear Monge-Kantorovich map, Pitié and Kokaram 2007).
    """
    found = ab.flatten(1)
    ridge = RIDGE.to(ab.device)
    has = torch.linalg.inv(found @ found.T / found.shape[1] + ridge)
    wanted = bins.T @ (shares[:, None] * bins) + ridge
    # The geometric mean of the inverse of what it has and of what it is to have; of 2 x 2:
    mixed = has / has.det().sqrt() + wanted / wanted.det().sqrt()
    mapped = (has.det() * wanted.det()) ** 0.25 / mixed.det().sqrt() * mixed
    factors, hues = torch.linalg.eigh(mapped)
    bounded: Tensor = hues @ torch.diag(_bounded(factors, most)) @ hues.T
    return bounded


def _bounded(factor: Tensor, most: float) -> Tensor:
    return factor.clamp(1 / most, most)
