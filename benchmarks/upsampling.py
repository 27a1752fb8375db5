"""How well chroma is enlarged, by method."""

import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.harness import Row
from gan_color.color.lab import from_rgb8
from gan_color.images.files import find_images
from gan_color.images.open import read_rgb
from gan_color.inference.guided_upsample import GuidedUpsampler, bicubic, fit_coefficients


def bench_upsampling(folder: Path, shrink: tuple[int, ...] = (2, 4, 8)) -> list[Row]:
    """Mean CIEDE2000 of true chroma reduced by a factor and enlarged again, by method."""
    from skimage.color import deltaE_ciede2000

    ways: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "nearest": lambda ab, L: torch.nn.functional.interpolate(ab, L.shape[-2:]),
        "bilinear": lambda ab, L: torch.nn.functional.interpolate(
            ab, L.shape[-2:], mode="bilinear"
        ),
        "bicubic": lambda ab, L: bicubic(ab, (L.shape[-2], L.shape[-1])),
        "guided": _guided,
    }
    rows = []
    for factor in shrink:
        errors: dict[str, list[float]] = {name: [] for name in ways}
        for path in find_images(folder):
            rgb = torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None]
            L, ab = from_rgb8(rgb)
            small = bicubic(ab, (max(1, L.shape[-2] // factor), max(1, L.shape[-1] // factor)))
            for name, way in ways.items():
                pair = [torch.cat(((L + 1) * 50, x * 110), 1)[0] for x in (ab, way(small, L))]
                truth, found = (x.permute(1, 2, 0).numpy() for x in pair)
                errors[name].append(float(deltaE_ciede2000(truth, found).mean()))
        means = {name: round(statistics.fmean(values), 3) for name, values in errors.items()}
        rows.append({"shrunk_by": factor, "photos": len(errors["guided"]), **means})
    return rows


def _guided(ab: Tensor, L: Tensor) -> Tensor:
    small = (ab.shape[-2], ab.shape[-1])
    middle = bicubic(L, (2 * small[0], 2 * small[1]))
    size = (L.shape[-2], L.shape[-1])
    return GuidedUpsampler(fit_coefficients(ab, bicubic(L, small), middle), size).rows(0, L)
