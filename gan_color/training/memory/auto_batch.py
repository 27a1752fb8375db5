"""`batch_size: auto`: the batch that fits, found by counting before anything is trained.

A stage's batch is as many images as fit (`planner`) times `grad_accum_steps`, in eights where eight
fit, so that it halves when memory runs out all the same. It is at most a fiftieth of the stage,
since weights are moved once a batch, and at most an epoch.
"""

from gan_color import distributed
from gan_color.config.schema import Config
from gan_color.config.stages import AdversarialStage, Stage
from gan_color.config.units import parse_bytes
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training import amp
from gan_color.training.memory import planner
from gan_color.training.memory.device_memory import free_bytes
from gan_color.training.memory.planner import MIB

UPDATES = 50  # of a stage, at least
STEP = 8


def resolve_batches(config: Config) -> Config:
    """The configuration with a number for each `batch_size: auto`, which is said on the screen.

    The first rank counts, so that all ranks have its numbers. Raises GanColorError where no image
    fits.
    """
    auto = [stage for stage in config.stages if stage.batch_size == "auto"]
    if not auto:
        return config
    ranks = distributed.world_size()

    def count() -> dict[str, int]:
        memory = config.run.memory_budget
        room = parse_bytes(memory, "run.memory_budget") if memory else free_bytes(config.run.device)
        return {stage.name: _batch(config, stage, room, ranks) for stage in auto}

    return config.resolved(distributed.on_first_rank(count))


def _batch(config: Config, stage: Stage, room: int, ranks: int) -> int:
    kind = amp.resolve_precision(config.run.precision, distributed.choose_device(config.run.device))
    counted = "bf16" if kind == "fp16" else kind  # as wide, and known to every device
    found = planner.footprint(
        config, stage, counted, stage.size, config.run.activation_checkpointing
    )
    fits = found.images(room)
    if not fits:
        raise GanColorError(
            f"stages.{stage.name}.batch_size: auto found {room / MIB:,.0f} MiB, where a step takes "
            f"{found.fixed / MIB:,.0f} MiB and {found.per_image / MIB:,.1f} an image at "
            f"{stage.size} px; set run.activation_checkpointing or run.memory_budget, or a smaller "
            "size or model"
        )
    whole = stage.grad_accum_steps * ranks
    epoch = config.run.epoch_images
    if isinstance(stage, AdversarialStage) and stage.early_stopping:
        epoch = stage.early_stopping.eval_every
    most = max(2, min(round(stage.images * config.run.duration_scale) // UPDATES, epoch))
    part = min(fits, max(1, most // whole))
    batch = (part // STEP * STEP or part) * whole
    console.print(
        f"{stage.name}: batch {batch} (auto: {fits * whole:,} fit {room / MIB:,.0f} MiB)",
        markup=False,
    )
    return batch
