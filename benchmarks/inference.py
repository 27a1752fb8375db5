"""What coloring costs: the model alone, every stage of a photo, peak memory.

Photographs are enlarged copies of one that scikit-learn carries, with a little noise, as JPEG.
"""

import io
import itertools
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.harness import Row
from benchmarks.isolated import high_water, run_isolated
from gan_color.color.lab import AB_SCALE
from gan_color.data.samples import photographs
from gan_color.distributed import choose_device
from gan_color.hub.model_file import load_model
from gan_color.images.decode import read
from gan_color.images.encode import encode
from gan_color.inference.backends import load_backend
from gan_color.inference.chroma_model import ChromaModel
from gan_color.inference.pipeline import (
    ColorizeOptions,
    apply_chroma,
    colorize_photo,
    predict_chroma,
    run_model,
)
from gan_color.models.base import Colorizer

SIZES = ((1024, 768), (4000, 3000))
LARGEST = (8000, 6000)


def photo(size: tuple[int, int]) -> bytes:
    """A gray JPEG of (width, height) pixels."""
    image = Image.open(photographs()["china"]).convert("L").resize(size, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).integers(-4, 5, (size[1], size[0]), dtype=np.int16)
    gray = (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def bench_stages(
    model: ChromaModel,
    label: str,
    options: ColorizeOptions,
    repeats: int = 5,
    sizes: tuple[tuple[int, int], ...] = SIZES,
) -> list[Row]:
    """Seconds of each stage of a photo's way, medians, for 0.8 and 12 megapixels."""
    rows = []
    for size in sizes:
        data = photo(size)
        runs: list[list[float]] = []
        for _ in range(repeats + 1):
            clock = [time.perf_counter()]
            opened = read(data)
            clock.append(time.perf_counter())
            chroma = predict_chroma(model, [opened], options)[0]
            clock.append(time.perf_counter())
            colorized = apply_chroma(opened, chroma, options, model.device)
            clock.append(time.perf_counter())
            encode(colorized)
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


def bench_routes(path: Path, device: str, render: int, repeats: int = 7) -> list[Row]:
    """A whole photo of 0.8 megapixels by scikit-image's way and ours, JPEG to JPEG, in turns."""
    eager = load_model(path).to(choose_device(device))
    ours = load_backend(path, device)
    data = photo(SIZES[0])

    def tuned(precision: str) -> bytes:
        options = ColorizeOptions(render, precision=precision)
        return encode(colorize_photo(ours, read(data), options))

    ways: dict[str, Callable[[], object]] = {
        "scikit-image, eager fp32": lambda: plain(eager, data, render),
        "ours, fp32": lambda: tuned("fp32"),
        "ours, bf16": lambda: tuned("bf16"),
    }
    medians = _in_turns(ways, repeats)
    first = next(iter(medians.values()))
    return [
        {
            "route": name,
            "photo": f"{SIZES[0][0]} x {SIZES[0][1]}",
            "render": render,
            "seconds": round(value, 4),
            "share_of_scikit_images": round(value / first, 3),
        }
        for name, value in medians.items()
    ]


def _in_turns(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each way; the first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


@torch.inference_mode()
def plain(model: Colorizer, data: bytes, render: int) -> bytes:
    """JPEG to JPEG as tutorials have it: PIL, and scikit-image's Lab in float64."""
    from skimage.color import lab2rgb, rgb2lab
    from skimage.transform import resize

    image = Image.open(io.BytesIO(data)).convert("RGB")
    lab = rgb2lab(np.asarray(image))
    small = rgb2lab(np.asarray(image.resize((render * 4 // 3, render), Image.Resampling.BICUBIC)))
    L = torch.from_numpy(small[..., 0].astype(np.float32) / 50 - 1)[None, None]
    ab = model.predict_ab(L.to(model.device))[0].float().cpu().permute(1, 2, 0).numpy()
    lab[..., 1:] = resize(ab * AB_SCALE, lab.shape[:2], order=1)
    buffer = io.BytesIO()
    rgb = (lab2rgb(lab) * 255).round().astype(np.uint8)
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def bench_models(
    path: Path, onnx: Path | None, device: str, render: int, repeats: int = 15
) -> list[Row]:
    """Seconds of the model alone on L [1, 1, render, 4/3 render], medians, backends in turn."""
    eager = load_model(path).to(choose_device(device))
    ways: dict[str, tuple[ChromaModel, str]] = {
        "pytorch, as loaded": (eager, "fp32"),
        "pytorch, channels_last": (load_backend(path, device), "fp32"),
        "pytorch, channels_last, bf16": (load_backend(path, device), "bf16"),
    }
    if onnx is not None:
        ways["onnxruntime"] = (load_backend(onnx), "fp32")
    L = torch.rand(1, 1, render, render * 4 // 3, generator=torch.Generator().manual_seed(0)) - 0.5
    work: dict[str, Callable[[], object]] = {
        name: partial(run_model, model, L.to(model.device), precision)
        for name, (model, precision) in ways.items()
    }
    return [
        {"backend": name, "render": render, "model": round(median, 4)}
        for name, median in _in_turns(work, repeats).items()
    ]


def bench_inference(path: Path, onnx: Path | None, device: str, render: int = 256) -> list[Row]:
    """The model alone, all stages for PyTorch and, where given, the ONNX file; peak memory."""
    rows = bench_models(path, onnx, device, render) + bench_routes(path, device, render)
    model = load_backend(path, device)
    rows += bench_stages(model, "pytorch", ColorizeOptions(render))
    rows += bench_stages(model, "pytorch", ColorizeOptions(render, precision="bf16"))
    if onnx is not None:
        rows += bench_stages(load_backend(onnx), "onnxruntime", ColorizeOptions(render))
    rows.append(_peak(path, device, render))
    return rows


def _peak(path: Path, device: str, render: int) -> Row:
    """What a process that does nothing else occupies at most while it colors 48 megapixels."""
    idle, peak = run_isolated(_occupied, path, photo(LARGEST), device, render)
    return {
        "photo": f"{LARGEST[0]} x {LARGEST[1]}",
        "peak_mib": round(peak),
        "of_that_before_reading_mib": round(idle),
    }


def _occupied(path: Path, data: bytes, device: str, render: int) -> tuple[float, float]:
    model = load_backend(path, device)
    with torch.no_grad():
        model.predict_ab(torch.zeros(1, 1, 64, 64, device=model.device))
    idle = high_water()
    encode(colorize_photo(model, read(data), ColorizeOptions(render)))
    return idle, high_water()
