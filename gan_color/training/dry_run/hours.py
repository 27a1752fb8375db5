"""`run.hours`: stages as long as the time allows, by their updates measured on this device."""

from gan_color import distributed
from gan_color.config.schema import Config
from gan_color.config.stages import DiscriminatorStage, Stage
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training.dry_run.plan import plan_run

# Reading images, validation, snapshots and checkpoints take the rest of a run's time.
UPDATES_SHARE = 0.8
LEAST_UPDATES = 2  # of a stage: a schedule with a middle


def resolve_hours(config: Config) -> Config:
    """The configuration with the `duration_scale` that fills `run.hours`, said on the screen.

    Half-lives of the EMA shrink with the stages, else it would still hold the start of a short one.
    The first rank measures, so that all ranks have its number. Raises GanColorError where a stage
    would be no training.
    """
    hours = config.run.hours
    if hours is None:
        return config
    seconds = distributed.on_first_rank(lambda: _seconds(config)) / distributed.world_size()
    scale = float(f"{hours * 3600 * UPDATES_SHARE / seconds:.3g}")
    for stage in config.stages:
        if stage.images * scale < LEAST_UPDATES * stage.images_per_batch:
            least = LEAST_UPDATES * stage.images_per_batch / stage.images
            raise GanColorError(
                f"run.hours: found {hours:g}, in which {stage.name} would see "
                f"{stage.images * scale:.0f} images, expected {_shortest(hours, least / scale)}"
            )
    console.print(
        f"run.hours {hours:g}: {scale:.3g} times the images of every stage, which take "
        f"{seconds / 3600:.3g} hours of updates here",
        markup=False,
    )
    shrunk = min(1.0, scale)
    run = config.run.model_copy(
        update={
            "hours": None,
            "duration_scale": scale,
            "ema_half_life": config.run.ema_half_life * shrunk,
        }
    )
    stages = tuple(_with_half_life(stage, shrunk) for stage in config.stages)
    return config.model_copy(update={"run": run, "stages": stages})


def _seconds(config: Config) -> float:
    """Of all updates of the run, as long as it is written."""
    plans = plan_run(config, measure=True, rates=False)
    return sum(plan.updates * plan.time.seconds for plan in plans if plan.time is not None)


def _shortest(hours: float, times: float) -> str:
    return f"at least {hours * times * 1.05:.2g}, or a smaller batch_size"


def _with_half_life(stage: Stage, shrunk: float) -> Stage:
    if isinstance(stage, DiscriminatorStage) or stage.ema_half_life is None:
        return stage
    return stage.model_copy(update={"ema_half_life": stage.ema_half_life * shrunk})
