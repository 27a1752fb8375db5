"""gan-color bench --inference and --enlarge: what colouring costs, and how well chroma is enlarged.

Photographs are enlarged copies of one that scikit-learn carries, with a little noise, as JPEG.
"""

import io
import itertools
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_color.backends import load_backend
from gan_color.data.images import find_images, read_rgb
from gan_color.data.samples import photographs
from gan_color.device import choose_device
from gan_color.enlarge import Enlargement, bicubic, fit, reduce
from gan_color.export import load_model
from gan_color.lab import rgb8_to_float, rgb_to_lab, scale
from gan_color.pictures import encode, read
from gan_color.pipeline import (
    ChromaModel,
    ColorizeOptions,
    colorize_picture,
    finish,
    predict,
    run_model,
)

SIZES = ((1024, 768), (4000, 3000))
LARGEST = (8000, 6000)
RENDER = 256
REPEATS = 5  # of a photo's whole way
MODEL_REPEATS = 15  # of the model alone
SHRINK = (2, 4, 8)


def photo(size: tuple[int, int]) -> bytes:
    """A grey JPEG of (width, height) pixels."""
    image = Image.open(photographs()["china"]).convert("L").resize(size, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).integers(-4, 5, (size[1], size[0]), dtype=np.int16)
    grey = (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def bench_stages(model: ChromaModel, label: str, options: ColorizeOptions) -> list[dict[str, Any]]:
    """Seconds of each stage of a photo's way, medians, for 0.8 and 12 megapixels."""
    rows = []
    for size in SIZES:
        data = photo(size)
        runs: list[list[float]] = []
        for _ in range(REPEATS + 1):
            clock = [time.perf_counter()]
            picture = read(data)
            clock.append(time.perf_counter())
            chroma = predict(model, [picture], options)[0]
            clock.append(time.perf_counter())
            coloured = finish(picture, chroma, options, model.device)
            clock.append(time.perf_counter())
            encode(coloured)
            clock.append(time.perf_counter())
            runs.append([b - a for a, b in itertools.pairwise(clock)])
        medians = [statistics.median(column) for column in zip(*runs[1:], strict=True)]
        stages = dict(zip(("read", "model", "merge", "write"), medians, strict=True))
        total = {"total": sum(medians)}
        rows.append(
            {
                "backend": label,
                "photo": f"{size[0]} x {size[1]}",
                "render": options.render,
                "precision": options.precision,
                **{name: round(value, 4) for name, value in (stages | total).items()},
            }
        )
    return rows


def bench_models(path: Path, onnx: Path | None, device: str) -> list[dict[str, Any]]:
    """Seconds of the model alone on L [1, 1, 256, 341], medians, backends in turn."""
    eager = load_model(path).to(choose_device(device))
    ways: dict[str, tuple[ChromaModel, str]] = {
        "pytorch, as loaded": (eager, "fp32"),
        "pytorch, channels_last": (load_backend(path, device), "fp32"),
        "pytorch, channels_last, bf16": (load_backend(path, device), "bf16"),
    }
    if onnx is not None:
        ways["onnxruntime"] = (load_backend(onnx), "fp32")
    L = torch.rand(1, 1, RENDER, RENDER * 4 // 3, generator=torch.Generator().manual_seed(0)) - 0.5
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(MODEL_REPEATS + 1):
        for name, (model, precision) in ways.items():
            start = time.perf_counter()
            run_model(model, L.to(model.device), precision)
            seconds[name].append(time.perf_counter() - start)
    return [
        {"backend": name, "render": RENDER, "model": round(statistics.median(values[1:]), 4)}
        for name, values in seconds.items()
    ]


def bench_inference(path: Path, onnx: Path | None, device: str) -> list[dict[str, Any]]:
    """The model alone, all stages for PyTorch and, where given, the ONNX file; peak memory."""
    rows = bench_models(path, onnx, device)
    model = load_backend(path, device)
    rows += bench_stages(model, "pytorch", ColorizeOptions(RENDER))
    rows += bench_stages(model, "pytorch", ColorizeOptions(RENDER, precision="bf16"))
    if onnx is not None:
        rows += bench_stages(load_backend(onnx), "onnxruntime", ColorizeOptions(RENDER))
    rows.append(_peak(path, device))
    return rows


def _peak(path: Path, device: str) -> dict[str, Any]:
    """What a process that does nothing else occupies at most while it colours 48 megapixels."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        idle, peak = pool.apply(_occupied, (path, photo(LARGEST), device))
    return {
        "photo": f"{LARGEST[0]} x {LARGEST[1]}",
        "peak_mib": round(peak / 1024),
        "of_that_before_reading_mib": round(idle / 1024),
    }


def _occupied(path: Path, data: bytes, device: str) -> tuple[int, int]:
    model = load_backend(path, device)
    with torch.no_grad():
        model.colorize(torch.zeros(1, 1, 64, 64, device=model.device))
    idle = _high_water()
    encode(colorize_picture(model, read(data), ColorizeOptions(RENDER)))
    return idle, _high_water()


def _high_water() -> int:
    """KiB this process occupied at most; Linux' ru_maxrss would begin with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def bench_enlarge(folder: Path) -> list[dict[str, Any]]:
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
    for factor in SHRINK:
        errors: dict[str, list[float]] = {name: [] for name in ways}
        for path in find_images(folder):
            rgb = torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None]
            L, ab = scale(rgb_to_lab(rgb8_to_float(rgb)))
            small = reduce(ab, (max(1, L.shape[-2] // factor), max(1, L.shape[-1] // factor)))
            for name, way in ways.items():
                pair = [torch.cat(((L + 1) * 50, x * 110), 1)[0] for x in (ab, way(small, L))]
                truth, found = (x.permute(1, 2, 0).numpy() for x in pair)
                errors[name].append(float(deltaE_ciede2000(truth, found).mean()))
        means = {name: round(statistics.fmean(values), 3) for name, values in errors.items()}
        rows.append({"shrunk_by": factor, "pictures": len(errors["guided"]), **means})
    return rows


def _guided(ab: Tensor, L: Tensor) -> Tensor:
    small = (ab.shape[-2], ab.shape[-1])
    middle = reduce(L, (2 * small[0], 2 * small[1]))
    size = (L.shape[-2], L.shape[-1])
    return Enlargement(fit(ab, reduce(L, small), middle), size).rows(0, L)
