"""Palettes of photos of like content, for a model file: what several answers are drawn from.

Photos are put into groups by what the model's encoder sees in them, and each group's distributions
of colors into a few palettes, both by k-means (scipy).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from torch import Tensor

from gan_color.color.ab_bins import bin_shares
from gan_color.color.lab import from_rgb8
from gan_color.data.simulated_hints import QUARTER
from gan_color.errors import GanColorError
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.images.open import BadImageError
from gan_color.models.base import NO_HINTS, Colorizer
from gan_color.models.hints import PaletteBank

CONTENTS = 24  # groups of photos, where there are enough
PALETTES = 8  # of a group
LEAST = 20  # photos of a group, on average
ROUNDS = 30
SEED = 0


@torch.no_grad()
def fit_palettes(model: Colorizer, paths: Iterable[Path], size: int = 256) -> PaletteBank:
    """Palettes of center squares of `size` pixels; gray and unreadable files are skipped.

    Raises GanColorError for a model without hints, and for fewer than PALETTES color photographs.
    """
    if not model.takes_hints:
        raise GanColorError(NO_HINTS)
    protocol, contents, shares = EvalProtocol(size=size), [], []
    for path in paths:
        try:
            truth = protocol.read(path)[None].to(model.device)
        except BadImageError:
            continue
        L, ab = from_rgb8(truth)
        contents.append(model.eval().content(L).cpu())
        shares.append(bin_shares(torch.nn.functional.avg_pool2d(ab, QUARTER)).cpu())
    if len(shares) < PALETTES:
        raise GanColorError(
            f"palettes: found {len(shares)} color photographs, expected {PALETTES} or more"
        )
    return group(torch.cat(contents), torch.cat(shares))


def group(contents: Tensor, shares: Tensor) -> PaletteBank:
    """The bank of photos of `contents` [P, C] with `shares` [P, 313] of the ab bins."""
    groups = max(1, min(CONTENTS, len(shares) // LEAST))
    directions = torch.nn.functional.normalize(contents, dim=1).double().numpy()
    of = _k_means(directions, groups)
    kept = [members for g in range(groups) if len(members := np.flatnonzero(of == g)) >= PALETTES]
    kept = kept or [np.arange(len(shares))]
    return PaletteBank(
        torch.stack([contents[members].mean(dim=0) for members in kept]),
        torch.stack([_palettes(shares[members]) for members in kept]),
    )


def _palettes(shares: Tensor) -> Tensor:
    """[PALETTES, 313]: the means of groups of photos of like colors, of [P, 313] of one content."""
    of = _k_means(shares.sqrt().double().numpy(), PALETTES)
    whole = shares.mean(dim=0)  # where a group has lost all of its members
    means = [shares[of == n].mean(dim=0) if (of == n).any() else whole for n in range(PALETTES)]
    return torch.stack(means)


def _k_means(points: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    generator = np.random.default_rng(SEED)
    # Centers that lose all members stay where they are: what uses them looks at members.
    with np.errstate(all="ignore"):
        _, labels = kmeans2(points, count, ROUNDS, minit="++", missing="warn", seed=generator)
    return np.asarray(labels, dtype=np.int64)
