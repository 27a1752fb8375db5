"""A process of its own for a measurement: nothing before it counts in its peak memory."""

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from gan_color.errors import GanColorError


def run_isolated(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns in a fresh process with as many threads as this one.

    Raises what it raises, and GanColorError where the process dies.
    """
    context = multiprocessing.get_context("spawn")
    threads = (torch.get_num_threads(),)
    with ProcessPoolExecutor(1, context, torch.set_num_threads, threads) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise GanColorError(
                f"bench: the process of {function.__name__} died, probably for want of memory; "
                "try a smaller size or batch"
            ) from None


def forget_high_water() -> None:
    """Let `high_water` begin with what this process occupies now, where Linux allows it."""
    marks = Path("/proc/self/clear_refs")
    if marks.exists():
        marks.write_text("5")


def high_water() -> float:
    """MiB this process occupied at most; Linux' ru_maxrss would begin with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
