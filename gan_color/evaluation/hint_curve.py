"""How far a model gets with so many points of the truth, and with all of its colors but no places.

As the authors of Zhang et al. 2017, https://arxiv.org/abs/1705.02999, sweep it (test_sweep.py of
richzhang/colorization-pytorch): points drawn as in training, but for patches of one side. The first
points of an image are the same for every number, so that what differs is what more of them give.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_color.color.lab import AB_SCALE, from_rgb8, to_rgb8
from gan_color.data.simulated_hints import Patches, draw_patches, reveal, whole_palette
from gan_color.errors import GanColorError
from gan_color.evaluation import metrics
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.summary import PSNR_LIMIT, bootstrap
from gan_color.images.open import BadImageError
from gan_color.inference.hint_spread import spread_hints, start_of_spread
from gan_color.inference.palette_match import match_palette
from gan_color.models.base import NO_HINTS, Colorizer
from gan_color.models.hints import Hints

COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
PATCH = 6  # pixels a side, of an image of 256
SEED = 0
SEEN = 2.3  # CIE76, a difference that is just seen


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


@dataclass(frozen=True)
class HintFigures:
    """What a model does with hints, means over images with 95 % intervals (None of one image).

    `curve`: {"points", "psnr", "psnr_ci"} for each number of points. `palette`: with the truth's
    global hints instead, "psnr", "psnr_ci", and "colorfulness" as a share of the truth's. `reach`:
    pixels from the first point to what it changes, by `reach_of`; None where `counts` do not begin
    with 0 and 1, and where it changed nothing in any image.
    """

    curve: list[dict[str, Any]]
    palette: dict[str, Any]
    reach: float | None


@torch.no_grad()
def hint_curve(
    model: Colorizer, paths: Sequence[Path], protocol: EvalProtocol, counts: Sequence[int]
) -> HintFigures:
    """Measure over images; files that the protocol does not read are skipped."""
    found: list[list[float]] = []
    for path in paths:
        try:
            truth = protocol.read(path)[None].to(model.device)
        except BadImageError:
            continue
        found.append(_figures(model, truth, counts, (SEED, len(found))))
    if not found:
        raise GanColorError("--hints: found no color photograph")
    *table, colorfulness, true_colorfulness, reach = np.array(found).T
    reaches = reach[~np.isnan(reach)]
    intervals = bootstrap({str(i): column for i, column in enumerate(table)})
    rows = [
        {
            "psnr": float(column.mean()),
            "psnr_ci": list(intervals[str(i)]) if len(column) > 1 else None,
        }
        for i, column in enumerate(table)
    ]
    return HintFigures(
        [{"points": count, **row} for count, row in zip(counts, rows, strict=False)],
        {**rows[-1], "colorfulness": float(colorfulness.mean() / true_colorfulness.mean())},
        float(reaches.mean()) if len(reaches) else None,
    )


def _figures(
    model: Colorizer, truth: Tensor, counts: Sequence[int], seed: tuple[int, int]
) -> list[float]:
    """Of one image, uint8 [1, 3, H, W]: PSNR for each number of points, then with its palette;
    colorfulness with that, and the truth's; reach of the first point, not a number where unknown.
    """
    L, ab = from_rgb8(truth)
    patches = draw_points(L, max(counts), seed)
    untold = model.predict_ab(L, Hints.none(L))
    answers = [answer_with(model, L, ab, patches[:count], untold) for count in counts]
    reach = float("nan")
    if tuple(counts[:2]) == (0, 1):
        reach = reach_of(answers[0], answers[1], *_middles(patches[:1]))
    palette = whole_palette(ab)
    answer = model.predict_ab(L, replace(Hints.none(L), palette=palette))
    answers.append(match_palette(answer, palette) if model.takes_palette else answer)
    images = [to_rgb8(L, answer) for answer in answers]
    psnrs = [psnr_of(image, truth) for image in images]
    return [*psnrs, *(float(metrics.colorfulness(image)) for image in (images[-1], truth)), reach]


def draw_points(L: Tensor, most: int, seed: tuple[int, int]) -> Patches:
    """So many points of an image L [1, 1, H, W], the same for a seed."""
    size = (L.shape[-2], L.shape[-1])
    side = max(1, round(PATCH * min(size) / 256))
    state = np.random.SeedSequence(seed).generate_state(1)[0]
    generator = torch.Generator().manual_seed(int(state))
    return draw_patches([most], size, (side, side), generator)


def answer_with(
    model: Colorizer, L: Tensor, ab: Tensor, patches: Patches, untold: Tensor
) -> Tensor:
    """ab [1, 2, H, W] with patches of the true ab revealed, as `colorize` gives it for points in
    their middles; `untold` is the model's answer without any.
    """
    if not len(patches.side):
        return untold
    told = reveal(ab, patches)
    start = model.predict_ab(L, told)
    if model.takes_palette:
        start = start_of_spread(start, untold)
    return spread_patches(start, L, told, patches)


def spread_patches(start: Tensor, L: Tensor, told: Hints, patches: Patches) -> Tensor:
    """ab [1, 2, H, W] on L's device: what `start` lacks in the patches' middles is spread."""
    rows, columns = _middles(patches)
    wanted = told.ab[0].cpu()[:, rows, columns]
    return spread_hints(start.cpu(), L.cpu(), rows, columns, wanted).to(L.device)


def _middles(patches: Patches) -> tuple[Tensor, Tensor]:
    rows, columns = (edge + patches.side // 2 for edge in (patches.top, patches.left))
    return rows, columns


def reach_of(before: Tensor, after: Tensor, row: Tensor, column: Tensor) -> float:
    """Mean distance in pixels from a point to those whose ab [1, 2, H, W] it changed by more than
    SEEN, not a number where there are none: the hint propagation range of iColoriT,
    https://arxiv.org/abs/2207.06831.
    """
    changed = (after - before)[0].norm(dim=0) * AB_SCALE > SEEN
    places = changed.nonzero().cpu() - torch.cat((row, column))
    return float(places.float().norm(dim=1).mean())


def psnr_of(image: Tensor, truth: Tensor) -> float:
    """In dB, of images uint8 [1, 3, H, W]; PSNR_LIMIT for equal ones."""
    return float(metrics.psnr(image, truth).clamp(max=PSNR_LIMIT))
