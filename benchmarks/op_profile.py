"""Where the time of a training step goes, operation by operation."""

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.baselines import Baseline
from benchmarks.harness import Row
from benchmarks.isolated import run_isolated
from benchmarks.step import build


def bench_profile(entry: Baseline, device: str, repeats: int, rows: int = 12) -> list[Row]:
    """The costliest operations of a contender's step, by torch.profiler."""
    found: list[Row] = run_isolated(measure_profile, entry, device, repeats, rows)
    return found


def measure_profile(entry: Baseline, device: str, repeats: int, rows: int) -> list[Row]:
    """A row an operation: its share of the step's time, what it called itself left out.

    On a GPU the time is the kernels'.
    """
    place = torch.device(device)
    step = build(entry, place).update
    step()
    on_gpu = place.type == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu
    with profile(activities=activities) as profiler:
        for _ in range(repeats):
            step()
        if on_gpu:
            torch.cuda.synchronize(place)
    seconds = {
        event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 1e6
        for event in profiler.key_averages()
    }
    whole = sum(seconds.values())
    costly = sorted(seconds, key=lambda name: -seconds[name])[:rows]
    stage = entry.config.stages[0]
    return [
        {
            "profile": entry.name,
            "size": stage.size,
            "batch_size": stage.images_per_batch,
            "operation": name,
            "share": round(seconds[name] / whole, 3),
            "seconds_a_step": round(seconds[name] / repeats, 4),
        }
        for name in costly
    ]
