"""What a checkpoint costs a training on this device."""

from functools import partial

from benchmarks.checkpoint import bench_checkpoint
from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row


def measurements(settings: Settings) -> dict[str, Measurement]:
    """Of each network's step at the middle size."""
    return {preset: partial(_measure, settings, preset) for preset in settings.presets}


def _measure(settings: Settings, preset: str, _: float) -> list[Row]:
    size, batch = settings.batches[len(settings.batches) // 2]
    entry = settings.entry(preset, size, batch, "auto")
    return bench_checkpoint(entry, settings.device, min(5, settings.repeats))
