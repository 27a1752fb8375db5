"""`batch: auto`: the batch that fits, found by counting before anything is trained.

A stage's batch is as many images as fit (gan_color.planning) times `accumulate`, in eights where
eight fit, so that it halves when memory runs out all the same. It is at most a fiftieth of the
stage, since weights are moved once a batch, and at most an epoch.
"""

import os
from collections.abc import Callable
from typing import Any

from gan_color.config import Config, is_auto
from gan_color.config_stages import AdversarialStage, Stage
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.memory import free_bytes, parse_bytes

UPDATES = 50  # of a stage, at least
STEP = 8


def with_batches(data: dict[str, Any], validate: Callable[[dict[str, Any]], Config]) -> Config:
    """The configuration with a number for each `batch: auto`, which is said on the screen.

    Raises GanColorError where no image fits, and under torchrun without run.memory.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    asked = [is_auto(stage) for stage in data["stages"]]
    # Whatever else is wrong is said before anything is counted.
    guess = [
        {**stage, "batch": _smallest(stage, ranks)} if auto else stage
        for stage, auto in zip(data["stages"], asked, strict=True)
    ]
    config = validate({**data, "stages": guess})
    if config.run.memory is None and ranks > 1:
        raise GanColorError(
            "run.memory: missing, expected a size such as 16GB where batch is auto under torchrun: "
            "its processes could find different batches"
        )
    memory = config.run.memory
    room = parse_bytes(memory, "run.memory") if memory else free_bytes(config.run.device)
    for mapping, stage, auto in zip(guess, config.stages, asked, strict=True):
        if auto:
            mapping["batch"] = _batch(config, stage, room, ranks)
    return validate({**data, "stages": guess})


def _smallest(stage: dict[str, Any], ranks: int) -> int:
    parts = stage.get("accumulate", 1)
    return parts * ranks if isinstance(parts, int) and parts > 0 else ranks


def _batch(config: Config, stage: Stage, room: int, ranks: int) -> int:
    from gan_color.device import choose_device
    from gan_color.planning import MIB, footprint
    from gan_color.training import precision

    kind = precision.choose(config.run.precision, choose_device(config.run.device))
    counted = "bf16" if kind == "fp16" else kind  # as wide, and known to every device
    found = footprint(config, stage, counted, stage.size, config.run.recompute)
    fits = found.images(room)
    if not fits:
        raise GanColorError(
            f"stages.{stage.name}.batch: auto found {room / MIB:,.0f} MiB, where a step takes "
            f"{found.fixed / MIB:,.0f} MiB and {found.per_image / MIB:,.1f} an image at "
            f"{stage.size} px; set run.recompute or run.memory, or a smaller size or model"
        )
    whole = stage.accumulate * ranks
    epoch = config.run.epoch_images
    if isinstance(stage, AdversarialStage) and stage.inflection:
        epoch = stage.inflection.every
    most = max(2, min(round(stage.images * config.run.length) // UPDATES, epoch))
    part = min(fits, max(1, most // whole))
    batch = (part // STEP * STEP or part) * whole
    console.print(
        f"{stage.name}: batch {batch} (auto: {fits * whole:,} fit {room / MIB:,.0f} MiB)",
        markup=False,
    )
    return batch
