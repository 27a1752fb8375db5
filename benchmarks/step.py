"""What a training step costs, ours and its peers', at equal batch and size."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.baselines import Baseline
from benchmarks.harness import Row
from benchmarks.isolated import high_water, run_isolated
from gan_color.losses.auxiliary import Losses
from gan_color.models.base import Batch
from gan_color.training.amp import AmpOptimizer, Precision, resolve_precision
from gan_color.training.builders import build_step
from gan_color.training.networks import Networks
from gan_color.training.steps import AdversarialStep

# Side of the square matrices that tell a device's rate: large enough that nothing else counts.
MATRIX = {"cpu": 2048, "cuda": 8192}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def bench_steps(entries: list[Baseline], device: str, repeats: int) -> list[Row]:
    """A row for each contender, the first of which is ours; each in a process of its own.

    `ours_times`: our images per second over the row's. `share_of_peak`: of `matrix_gflops`, the
    rate of one large matrix product in the row's precision, in the same process.
    """
    rows = [run_isolated(measure_step, entry, device, repeats) for entry in entries]
    for row in rows:
        row["ours_times"] = round(rows[0]["images_per_second"] / row["images_per_second"], 2)
    return rows


class Built(NamedTuple):
    """A contender's adversarial step on random weights and pixels, and what it is made of."""

    update: Callable[[], Losses]
    step: AdversarialStep
    networks: Networks
    optimizers: dict[str, AmpOptimizer]
    precision: Precision


def build(entry: Baseline, place: torch.device) -> Built:
    """The step a run with that configuration would make: `run.channels_last`,
    `run.activation_checkpointing` and `run.compile` count.
    """
    precision = Precision(resolve_precision(entry.precision, place), place)
    config, stage = entry.config, entry.config.stages[0]
    networks = Networks(config, place, resumed=False)
    if config.run.compile:
        networks.compile()
    step, optimizers = build_step(
        stage, networks.generator, networks.discriminator, precision, config.run.channels_last
    )
    assert isinstance(step, AdversarialStep)
    step.train()
    data = random_batch(stage.images_per_batch, stage.size, place, config.run.channels_last)
    return Built(partial(step, data), step, networks, optimizers, precision)


def measure_update(entry: Baseline, device: str, repeats: int = 5) -> Row:
    """Median seconds of a whole adversarial step with random weights, after one that is not timed
    (compiling belongs to that), and `peak_mib`: this process' (CPU) or what CUDA allocated.
    """
    place = torch.device(device)
    update = build(entry, place).update
    update()
    seconds = statistics.median(times(update, place, repeats))
    return {"seconds": round(seconds, 4), "peak_mib": round(peak_memory(place))}


def measure_step(entry: Baseline, device: str, repeats: int = 5) -> Row:
    """`measure_update`, and what the device achieves: GFLOP of convolutions and matrix products,
    forward and backward, counted; beside the rate of one large product.
    """
    place = torch.device(device)
    measured = measure_update(entry, device, repeats)
    built = build(entry, place)
    gflop = count_gflop(built.update)
    precision = built.precision
    rate = matrix_rate(place, DTYPES[precision.kind])
    stage, seconds = entry.config.stages[0], measured["seconds"]
    return {
        "step": entry.name,
        "precision": precision.kind,
        "size": stage.size,
        "batch_size": stage.images_per_batch,
        "seconds": seconds,
        "images_per_second": round(stage.images_per_batch / seconds, 2),
        "peak_mib": measured["peak_mib"],
        "gflop_per_image": round(gflop / stage.images_per_batch, 1),
        "gflops": round(gflop / seconds, 1),
        "matrix_gflops": round(rate, 1),
        "share_of_peak": round(gflop / seconds / rate, 2),
    }


def count_gflop(work: Callable[[], object]) -> float:
    """GFLOP of the convolutions and matrix products in a call, forward and backward."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return float(counter.get_total_flops()) / 1e9


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """GFLOP/s of the fastest of several products of two large square matrices."""
    side = MATRIX.get(device.type, 2048)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / 1e9 / min(times(lambda: a @ b, device, 6)[1:])


def times(work: Callable[[], object], device: torch.device, repeats: int) -> list[float]:
    """Seconds of each of several calls, the device waited for."""
    seconds = []
    for _ in range(repeats):
        wait(device)
        start = time.perf_counter()
        work()
        wait(device)
        seconds.append(time.perf_counter() - start)
    return seconds


def random_batch(count: int, size: int, device: torch.device, channels_last: bool) -> Batch:
    """uint8 noise as a step gets it, on the device."""
    rgb = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8).to(device)
    label: Tensor = torch.full((count,), -1, device=device)
    return Batch.from_rgb8(rgb, label, channels_last=channels_last)


def peak_memory(device: torch.device) -> float:
    """MiB: what CUDA allocated at most, or what this process occupied at most."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return high_water()


def wait(device: torch.device) -> None:
    """Until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
