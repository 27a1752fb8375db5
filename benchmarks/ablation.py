"""What each speed option of a run gives, by itself: the same step without it and with it."""

from typing import Any

import torch

from benchmarks.baselines import Baseline
from benchmarks.harness import Row
from benchmarks.isolated import run_isolated
from benchmarks.step import measure_update, times
from gan_color.config.schema import parse
from gan_color.training.networks import Networks

# Each against the defaults, which have channels_last, and neither of the last two.
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "run.channels_last": ({"channels_last": False}, {}),
    "run.activation_checkpointing": ({}, {"activation_checkpointing": True}),
    "run.compile": ({}, {"compile": True}),
}
Measured = dict[tuple[str, str], Row]


def bench_ablation(entry: Baseline, device: str, repeats: int) -> list[Row]:
    """A row an option: seconds a step and peak memory without it and with it, one run.

    Each measurement has a process of its own; the defaults are measured once.
    """
    measured: Measured = {}
    rows = []
    if entry.precision != "fp32":
        pair = (
            _measure(measured, entry, "fp32", {}, device, repeats),
            _measure(measured, entry, entry.precision, {}, device, repeats),
        )
        rows.append(_row(f"run.precision: {entry.precision}", *pair))
    for name, (without, with_it) in OPTIONS.items():
        before, after = (
            _measure(measured, entry, entry.precision, change, device, repeats)
            for change in (without, with_it)
        )
        rows.append(_row(name, before, after))
    return [*rows, run_isolated(_fused, entry, device, repeats)]


def _measure(
    measured: Measured,
    entry: Baseline,
    precision: str,
    change: dict[str, Any],
    device: str,
    repeats: int,
) -> Row:
    key = (precision, str(change))
    if key not in measured:
        content = entry.config.model_dump(mode="json")
        content["run"] |= change
        changed = entry._replace(config=parse(content), precision=precision)
        measured[key] = run_isolated(measure_update, changed, device, repeats)
    return measured[key]


def _row(name: str, before: Row, after: Row) -> Row:
    return {
        "means": name,
        "seconds_without": before["seconds"],
        "seconds_with": after["seconds"],
        "times_faster": round(before["seconds"] / after["seconds"], 2),
        "peak_mib_without": before["peak_mib"],
        "peak_mib_with": after["peak_mib"],
    }


def _fused(entry: Baseline, device: str, repeats: int) -> Row:
    """AdamW's update of generator and discriminators alone; no memory is measured."""
    place = torch.device(device)
    networks = Networks(entry.config, place, resumed=False)
    assert networks.discriminator is not None
    weights = [*networks.generator.parameters(), *networks.discriminator.parameters()]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    seconds = []
    for fused in (False, True):
        optimizer = torch.optim.AdamW(weights, lr=1e-5, foreach=not fused, fused=fused)
        seconds.append(min(times(optimizer.step, place, repeats + 1)[1:]))
    return {
        "means": "fused AdamW, the updates alone",
        "seconds_without": round(seconds[0], 4),
        "seconds_with": round(seconds[1], 4),
        "times_faster": round(seconds[0] / seconds[1], 2),
        "peak_mib_without": None,
        "peak_mib_with": None,
    }
