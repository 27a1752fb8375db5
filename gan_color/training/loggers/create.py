"""Where a run reports to beside log.csv: Weights & Biases, TensorBoard, a notebook."""

from gan_color.config.schema import Config
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training.loggers.base import Tracker, Trackers


def create(config: Config, run_id: str | None) -> Tracker:
    """The trackers a configuration asks for.

    Weights & Biases online without a key, or without the server: a sentence, and offline.
    """
    members: list[Tracker] = []
    if config.tracking.tensorboard:
        members.append(_tensorboard(config))
    if config.tracking.notebook:
        members.append(_notebook())
    if config.tracking.wandb != "disabled":
        members.append(_wandb(config, run_id))
    return Trackers(members)


def _tensorboard(config: Config) -> Tracker:
    try:
        from gan_color.training.loggers.tensorboard_logger import TensorboardTracker
    except ImportError:
        raise GanColorError(
            "tracking.tensorboard: found no package tensorboard; expected it installed: "
            "pip install 'gan-color[tensorboard]'"
        ) from None
    return TensorboardTracker(config.folder / "tensorboard")


def _notebook() -> Tracker:
    try:
        from gan_color.training.loggers.notebook_logger import NotebookTracker
    except ImportError:
        raise GanColorError(
            "tracking.notebook: found no package IPython; expected to run in Jupyter"
        ) from None
    return NotebookTracker()


def _wandb(config: Config, run_id: str | None) -> Tracker:
    from gan_color.training.loggers import wandb_logger

    if config.tracking.wandb == "online":
        if not wandb_logger.has_key():
            _say_offline("found no API key; run `wandb login`")
        else:
            try:
                return wandb_logger.WandbTracker(config, "online", run_id)
            except wandb_logger.WandbError as error:
                _say_offline(f"could not start online ({error})")
    return wandb_logger.WandbTracker(config, "offline", run_id)


def _say_offline(reason: str) -> None:
    console.print(
        f"W&B: {' '.join(reason.split())}: this run is tracked offline; `wandb sync` sends the "
        "folder it names",
        markup=False,
    )
