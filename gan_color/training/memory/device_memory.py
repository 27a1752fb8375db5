"""Amounts of memory: as a person writes them, and as a device has them."""

import os
from pathlib import Path

from gan_color.errors import GanColorError

_CGROUP = Path("/sys/fs/cgroup")


def free_bytes(device_name: str) -> int:
    """What a device has left: a card's own memory, or the machine's for the CPU.

    Raises GanColorError where that cannot be asked.
    """
    import torch

    from gan_color.distributed import choose_device

    device = choose_device(device_name)
    if device.type == "cuda":
        share = torch.cuda.get_per_process_memory_fraction(device)
        free, total = torch.cuda.mem_get_info(device)
        return min(free, int(share * total))
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(_machine(), _container())


def _machine(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Linux' estimate of what can be had without swapping; elsewhere the free pages."""
    if meminfo.exists():
        lines = meminfo.read_text().splitlines()
        return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable"))
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        raise GanColorError(
            "run.memory_budget: this system does not say how much memory is free, expected a size "
            "such as 16GB"
        ) from None


def _container(folder: Path = _CGROUP) -> int:
    """What a container's limit leaves; a great deal where there is none."""
    try:
        limit, used = (int((folder / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no such file, or "max"
        return 2**62
    return max(0, limit - used)
