"""gan-color bench: what training, coloring and evaluating cost on this machine.

Medians over repeats in one run: compare figures of one table with each other, not with another
machine's.
"""

import itertools
import os
import platform
from typing import Any

import torch

Row = dict[str, Any]
KINDS = (
    "step",
    "memory",
    "means",
    "profile",
    "checkpoint",
    "loader",
    "inference",
    "merge",
    "evaluation",
    "enlarge",
)


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


def as_markdown(rows: list[Row]) -> str:
    """Rows as Markdown; a new header line wherever the columns change."""
    parts = []
    for _, group in itertools.groupby(rows, key=list):
        alike = list(group)
        lines = [[*alike[0]], ["---"] * len(alike[0])]
        lines += [[str(value) for value in row.values()] for row in alike]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(parts)
