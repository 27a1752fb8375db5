"""Does memory go as `gan-color plan` says, and do the batches of `batch_size: auto` fit?"""

import math
from functools import partial

import torch

from benchmarks.baselines import Baseline
from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row
from benchmarks.step import build
from gan_color.training.amp import resolve_precision
from gan_color.training.memory.auto_batch import UPDATES, resolve_batches
from gan_color.training.memory.planner import MIB, LiveBytes, footprint

CONTEXT = 512 * MIB  # what CUDA and its libraries take of a card before anything is allocated
FEW = 8  # images of the other batch that tells what one image takes
MOST = {"cuda": 10**4, "cpu": 8}  # images: a rehearsal measures no large batch


def measurements(settings: Settings) -> dict[str, Measurement]:
    """Each size, plain and with activation checkpointing."""
    return {
        f"{size} px{', checkpointed' if checkpointing else ''}": partial(
            measure, settings, size, checkpointing
        )
        for size, _ in settings.batches
        for checkpointing in (False, True)
    }


def measure(settings: Settings, size: int, checkpointing: bool, _: float) -> list[Row]:
    """The batch that auto picks, run within the card's memory; what was predicted and taken.

    `fits`: the largest batch that ran, found by taking a tenth off while memory runs out.
    """
    entry = _entry(settings, size, checkpointing, None)
    kind = resolve_precision(entry.precision, settings.place)
    stage = entry.config.stages[0]
    counted = "bf16" if kind == "fp16" else kind
    found = footprint(entry.config, stage, counted, size, checkpointing)
    auto = resolve_batches(entry.config).stages[0].images_per_batch
    few = max(2, min(FEW, auto // 2))
    fits = auto
    limit_memory(settings)
    low, _ = _peak(settings, _entry(settings, size, checkpointing, few))
    while True:
        try:
            peak, reserved = _peak(settings, _entry(settings, size, checkpointing, fits))
            break
        except torch.OutOfMemoryError:
            fits = math.floor(0.9 * fits)
            if fits <= few:
                raise
        torch.cuda.empty_cache()
    predicted = found.fixed + fits * found.per_image
    return [
        {
            "peaks": settings.presets[0],
            "precision": kind,
            "size": size,
            "checkpointed": checkpointing,
            "auto": auto,
            "fits": fits,
            "predicted_mib": round(predicted / MIB),
            "peak_mib": round(peak / MIB),
            "reserved_mib": round(reserved / MIB),
            "predicted_per_image": round(found.per_image / MIB, 2),
            "per_image": round((peak - low) / max(1, fits - few) / MIB, 2),
            "peak_over_predicted": round(peak / predicted, 3),
        }
    ]


def limit_memory(settings: Settings) -> None:
    """Let PyTorch allocate no more than a card of that size would leave it."""
    if settings.place.type == "cuda":
        total = torch.cuda.get_device_properties(settings.place).total_memory
        torch.cuda.set_per_process_memory_fraction(
            min(1.0, (settings.card - CONTEXT) / total), settings.place
        )


def _entry(settings: Settings, size: int, checkpointing: bool, batch: int | None) -> Baseline:
    """Our step with that batch, or with `batch_size: auto`."""
    found = settings.entry(
        settings.presets[0],
        size,
        2,
        "auto",
        batch_size=batch or "auto",
        images=UPDATES * MOST[settings.place.type],
    )
    run = {
        "activation_checkpointing": checkpointing,
        "device": settings.device,
        "memory_budget": f"{settings.card // MIB}MiB",
        "epoch_images": MOST[settings.place.type],
    }
    config = found.config
    return found._replace(
        config=config.model_copy(update={"run": config.run.model_copy(update=run)})
    )


def _peak(settings: Settings, entry: Baseline) -> tuple[float, float]:
    """Bytes that two steps had allocated and reserved at most; on the CPU tensors are counted."""
    place = settings.place
    if place.type != "cuda":
        with LiveBytes() as bytes_:
            update = build(entry, place).update
            for _ in range(2):
                update()
        return bytes_.peak, bytes_.peak
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(place)
    update = build(entry, place).update
    for _ in range(2):
        update()
    torch.cuda.synchronize(place)
    return torch.cuda.max_memory_allocated(place), torch.cuda.max_memory_reserved(place)
