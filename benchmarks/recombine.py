"""Chroma onto a large photograph: ours in strips, and scikit-image's way with everything whole."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import Row
from benchmarks.isolated import forget_high_water, high_water, run_isolated
from gan_color.color.lab import AB_SCALE, from_rgb8
from gan_color.data.samples import photographs
from gan_color.distributed import choose_device
from gan_color.inference.guided_upsample import bicubic, fit_coefficients
from gan_color.inference.recombine import recombine

SIZES = ((4000, 3000), (8000, 6000))
RENDER = 256
Pixels = NDArray[np.uint8]


def bench_recombine(device: str, repeats: int = 3) -> list[Row]:
    """Seconds (medians) and memory beyond what is held before, each way in a process of its own.

    From uint8 RGB to uint8 RGB of the same size: lightness of the photograph, chroma of 256 rows.
    """
    rows = []
    for size in SIZES:
        plain, ours = (
            run_isolated(_measure, way, size, device, repeats) for way in (_plain, _ours)
        )
        rows.append(
            {
                "merge": f"{size[0]} x {size[1]}",
                "skimage_seconds": round(plain[0], 2),
                "seconds": round(ours[0], 3),
                "share_of_its_time": round(ours[0] / plain[0], 3),
                "skimage_mib": round(plain[1]),
                "mib": round(ours[1]),
                "share_of_its_memory": round(ours[1] / plain[1], 3) if plain[1] else None,
            }
        )
    return rows


def _measure(
    way: Callable[[Pixels, torch.device], Callable[[], Any]],
    size: tuple[int, int],
    device: str,
    repeats: int,
) -> tuple[float, float]:
    place = choose_device(device)
    small = Image.open(photographs()["china"])
    way(np.asarray(small), place)()  # libraries are loaded and warm
    work = way(np.asarray(small.resize(size, Image.Resampling.BILINEAR)), place)
    forget_high_water()  # that of making the photo
    before = high_water()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), high_water() - before


def _chroma(photo: Pixels) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(ab, L) of 256 rows and L of 512, of a photograph: what a model would have predicted."""
    height, width = photo.shape[:2]
    L, ab = from_rgb8(_reduced(photo, 2 * RENDER, width, height))
    size = (RENDER, round(RENDER * width / height))
    return bicubic(ab, size), bicubic(L, size), L


def _reduced(photo: Pixels, rows: int, width: int, height: int) -> torch.Tensor:
    image = Image.fromarray(photo).resize((round(rows * width / height), rows))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


def _ours(photo: Pixels, place: torch.device) -> Callable[[], Pixels]:
    ab, small, middle = (x.to(place) for x in _chroma(photo))
    coefficients = fit_coefficients(ab, small, middle)
    return lambda: recombine(photo, coefficients, 1.0, 1.0).astype(np.uint8, copy=False)


def _plain(photo: Pixels, place: torch.device) -> Callable[[], Pixels]:
    from skimage.color import lab2rgb, rgb2lab
    from skimage.transform import resize

    ab = (_chroma(photo)[0][0] * AB_SCALE).permute(1, 2, 0).double().numpy()

    def work() -> Pixels:
        lab = rgb2lab(photo)
        lab[..., 1:] = resize(ab, photo.shape[:2], order=1)
        rgb: Pixels = (lab2rgb(lab) * 255).round().astype(np.uint8)
        return rgb

    return work
