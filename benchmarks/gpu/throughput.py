"""Images a second of training and of coloring, beside the device's rate of matrix products."""

import statistics
from functools import partial

import torch

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row
from benchmarks.inference import SIZES, bench_stages
from benchmarks.step import DTYPES, count_gflop, matrix_rate, measure_step, times
from gan_color.hub.pretrained import DEFAULT, find_model
from gan_color.inference.backends import load_backend
from gan_color.inference.pipeline import ColorizeOptions
from gan_color.training.amp import Precision, resolve_precision
from gan_color.training.networks import Networks

# Images at once: a photo by itself, and as many as fill a device.
TOGETHER = (1, 16)


def measurements(settings: Settings) -> dict[str, Measurement]:
    """Steps at each size, in the other precisions at the middle one; inference; whole photos."""
    first, last = settings.presets[0], settings.presets[-1]
    middle = settings.batches[len(settings.batches) // 2]
    steps = [(first, size, batch, "auto") for size, batch in settings.batches]
    steps += [(first, *middle, kind) for kind in ("fp32", "fp16")]
    if last != first:
        steps += [(last, *middle, "auto")]
    found: dict[str, Measurement] = {
        f"step, {preset}, {size} px, {kind}": partial(_step, settings, preset, size, batch, kind)
        for preset, size, batch, kind in steps
    }
    for preset in settings.presets:
        for batch in TOGETHER:
            found[f"inference, {preset}, batch {batch}"] = partial(
                _inference, settings, preset, middle[0], batch
            )
    found["photos"] = partial(_photos, settings)
    return found


def _step(settings: Settings, preset: str, size: int, batch: int, kind: str, _: float) -> list[Row]:
    entry = settings.entry(preset, size, batch, kind)
    return [measure_step(entry, settings.device, settings.repeats)]


def _inference(settings: Settings, preset: str, size: int, batch: int, _: float) -> list[Row]:
    """The network alone, folded, on L [batch, 1, size, size]."""
    place = settings.place
    entry = settings.entry(preset, size, batch, "auto")
    precision = Precision(resolve_precision(entry.precision, place), place)
    model = Networks(entry.config, place, resumed=False).generator.fold()
    L = torch.rand(batch, 1, size, size).to(place) * 2 - 1

    def forward() -> torch.Tensor:
        with torch.no_grad(), precision.autocast():
            return model.forward_ab(L)

    gflop = count_gflop(forward)
    seconds = statistics.median(times(forward, place, settings.repeats + 2)[2:])
    rate = matrix_rate(place, DTYPES[precision.kind])
    return [
        {
            "inference": preset,
            "precision": precision.kind,
            "size": size,
            "batch_size": batch,
            "seconds": round(seconds, 5),
            "images_per_second": round(batch / seconds, 1),
            "gflop_per_image": round(gflop / batch, 2),
            "gflops": round(gflop / seconds, 1),
            "matrix_gflops": round(rate, 1),
            "share_of_peak": round(gflop / seconds / rate, 3),
        }
    ]


def _photos(settings: Settings, _: float) -> list[Row]:
    """Whole photographs by the weights that ship with the package, file to file."""
    model = load_backend(find_model(DEFAULT), settings.device)
    sizes = ((96, 72),) if settings.rehearsal else SIZES
    options = ColorizeOptions(
        64 if settings.rehearsal else 256, precision=settings.precision("bf16")
    )
    return bench_stages(model, "pytorch", options, min(5, settings.repeats), sizes)
