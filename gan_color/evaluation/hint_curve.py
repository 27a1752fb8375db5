"""How far a model gets with so many points of the truth: PSNR over their number.

As the authors of Zhang et al. 2017, https://arxiv.org/abs/1705.02999, sweep it (test_sweep.py of
richzhang/colorization-pytorch): points drawn as in training, but for patches of one side. The first
points of an image are the same for every number, so that what differs is what more of them give.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_color.color.lab import from_rgb8, to_rgb8
from gan_color.data.simulated_hints import draw_patches, reveal
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.summary import PSNR_LIMIT, bootstrap
from gan_color.images.open import BadImageError
from gan_color.models.base import NO_HINTS, Colorizer

COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
PATCH = 6  # pixels a side, of an image of 256
SEED = 0


def counts_up_to(most: int) -> tuple[int, ...]:
    """The numbers of points that are measured: those of COUNTS below, and `most`."""
    if most < 1:
        raise GanColorError(f"--hints: found {most}, expected 1 point or more")
    return (*(count for count in COUNTS if count < most), most)


def check_hintable(model: Colorizer, protocol: EvalProtocol, name: str) -> None:
    """GanColorError for a model without hints, and for images that have no common size."""
    if not model.takes_hints:
        raise GanColorError(f"{name}: {NO_HINTS}")
    if not protocol.fixed:
        raise GanColorError(
            f"--hints: found the protocol {protocol.name!r}, expected one of a fixed size"
        )


@torch.no_grad()
def hint_curve(
    model: Colorizer, paths: Sequence[Path], protocol: EvalProtocol, counts: Sequence[int]
) -> list[dict[str, object]]:
    """For each number of points {"points", "psnr", "psnr_ci"}: the mean over images in dB, and its
    95 % interval (None of one image). Files that the protocol does not read are skipped.
    """
    found: list[list[float]] = []
    for path in paths:
        try:
            truth = protocol.read(path)[None].to(model.device)
        except BadImageError:
            continue
        found.append(_psnrs(model, truth, counts, (SEED, len(found))))
    if not found:
        raise GanColorError("--hints: found no color photograph")
    table = np.array(found)
    columns = {str(count): table[:, i] for i, count in enumerate(counts)}
    intervals = bootstrap(columns)
    return [
        {
            "points": count,
            "psnr": float(columns[str(count)].mean()),
            "psnr_ci": list(intervals[str(count)]) if len(table) > 1 else None,
        }
        for count in counts
    ]


def _psnrs(
    model: Colorizer, truth: Tensor, counts: Sequence[int], seed: tuple[int, int]
) -> list[float]:
    """PSNR of one image, uint8 [1, 3, H, W], for each number of points."""
    L, ab = from_rgb8(truth)
    size = (L.shape[-2], L.shape[-1])
    side = max(1, round(PATCH * min(size) / 256))
    state = np.random.SeedSequence(seed).generate_state(1)[0]
    generator = torch.Generator().manual_seed(int(state))
    patches = draw_patches([max(counts)], size, (side, side), generator)
    found = []
    for count in counts:
        hints = reveal(ab, patches[:count])
        image = to_rgb8(L, model.predict_ab(L, hints))
        found.append(float(metrics.psnr(image, truth).clamp(max=PSNR_LIMIT)))
    return found
