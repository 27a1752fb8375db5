"""What a training step keeps for each image, counted without computing."""

import torch

from benchmarks.baselines import Baseline
from benchmarks.harness import Row
from gan_color.training import amp as precisions
from gan_color.training.memory.planner import MIB, footprint


def bench_memory(entries: list[Baseline], device: torch.device) -> list[Row]:
    """MiB an image and besides, plain and, for the first contender, checkpointed.

    `times_ours`: an image of this row over one of ours, plain.
    """
    rows: list[Row] = []
    for i, entry in enumerate(entries):
        kind = precisions.resolve_precision(entry.precision, device)
        for checkpointing in (False, True) if i == 0 else (False,):
            stage = entry.config.stages[0]
            found = footprint(entry.config, stage, kind, stage.size, checkpointing)
            per_image = round(found.per_image / MIB, 1)
            of_ours = rows[0]["per_image_mib"] if rows else per_image
            rows.append(
                {
                    "memory": entry.name,
                    "precision": kind,
                    "size": stage.size,
                    "activation_checkpointing": checkpointing,
                    "per_image_mib": per_image,
                    "fixed_mib": round(found.fixed / MIB),
                    "times_ours": round(per_image / of_ours, 2),
                }
            )
    return rows
