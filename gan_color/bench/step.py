"""What a training step costs."""

import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from gan_color import models
from gan_color.bench import Row
from gan_color.bench.alone import high_water
from gan_color.config_stages import AdversarialStage
from gan_color.models.base import Batch
from gan_color.models.discriminator import MultiscaleDiscriminator
from gan_color.training import precision as precisions
from gan_color.training.stages import build_step


def _random_batch(count: int, size: int, device: torch.device) -> Batch:
    rgb = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8).to(device)
    label = torch.full((count,), -1, device=device)
    return Batch.from_rgb8(rgb, label, channels_last=True)


def _peak_memory(device: torch.device) -> float:
    """MiB: what CUDA allocated at most, or what this process occupied at most."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return high_water()


def bench_step(
    preset: str,
    size: int,
    batch: int,
    device: torch.device,
    kind: str = "auto",
    repeats: int = 5,
    width: int = 64,
) -> Row:
    """Time of a whole adversarial step (generator and three discriminators), random weights.

    Keys: images_per_second, seconds (median), peak_mib (of the process, on the CPU: run sizes from
    small to large), gflop_per_image (counted, in fp32, whole step).
    """
    precision = precisions.Precision(precisions.choose(kind, device), device)
    generator = models.create("unet", preset=preset, encoder_weights="none").to(device)
    discriminator = MultiscaleDiscriminator(width=width).to(device)
    for module in (generator, discriminator):
        module.to(memory_format=torch.channels_last)
    stage = AdversarialStage(
        name="bench", kind="adversarial", images=batch, size=size, batch=batch, lr=1e-5
    )
    step, _ = build_step(stage, generator, discriminator, precision, channels_last=True)
    step.train_mode()
    data = _random_batch(batch, size, device)
    counter = FlopCounterMode(display=False)
    with counter:
        step(data)
    seconds = []
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        step(data)
        _wait(device)
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    return {
        "preset": preset,
        "discriminator_width": width,
        "size": size,
        "batch": batch,
        "precision": precision.kind,
        "seconds": round(median, 4),
        "images_per_second": round(batch / median, 2),
        "peak_mib": round(_peak_memory(device)),
        "gflop_per_image": round(counter.get_total_flops() / batch / 1e9, 1),
    }


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
