"""gan-color bench: what training, colouring and evaluating cost on this machine.

Medians over repeats in one run: compare figures of one table with each other, not with another
machine's.
"""

import os
import platform
from typing import Any

import torch

Row = dict[str, Any]


def machine(device: torch.device) -> Row:
    """What the figures were taken on."""
    name = platform.processor() or platform.machine()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return {
        "device": f"{device.type}: {name}",
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
