"""What each part of an answer to points gives: what the model learned, what is spread, and both."""

import statistics
from pathlib import Path

import torch

from benchmarks.harness import Row
from gan_color.color.lab import from_rgb8, to_rgb8
from gan_color.data.simulated_hints import reveal
from gan_color.errors import GanColorError
from gan_color.evaluation.hint_curve import (
    COUNTS,
    SEED,
    answer_with,
    draw_points,
    psnr_of,
    spread_patches,
)
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.hub.model_file import load_model
from gan_color.images.files import find_images, spread
from gan_color.models.base import NO_HINTS
from gan_color.models.hints import Hints


@torch.no_grad()
def bench_hints(model_file: Path, folder: Path, images: int) -> list[Row]:
    """Mean PSNR in dB over so many images, by the number of points of the truth revealed."""
    model, protocol = load_model(model_file), EvalProtocol("imagenet5k-crop")
    if not model.takes_hints:
        raise GanColorError(f"{model_file.name}: {NO_HINTS}")
    ways = ("told of points", "spread alone", "as colorize does it")
    found: dict[int, list[list[float]]] = {count: [] for count in COUNTS}
    for number, path in enumerate(spread(find_images(folder), images)):
        truth = protocol.read(path)[None]
        L, ab = from_rgb8(truth)
        patches = draw_points(L, max(COUNTS), (SEED, number))
        untold = model.predict_ab(L, Hints.none(L))
        for count in COUNTS:
            chosen = patches[:count]
            told = reveal(ab, chosen)
            answers = (
                model.predict_ab(L, told),
                spread_patches(untold, L, told, chosen),
                answer_with(model, L, ab, chosen, untold),
            )
            found[count].append([psnr_of(to_rgb8(L, answer), truth) for answer in answers])
    return [
        {
            "points": count,
            "images": len(values),
            **{
                way: round(statistics.fmean(column), 2)
                for way, column in zip(ways, zip(*values, strict=True), strict=True)
            },
        }
        for count, values in found.items()
    ]
