"""Where a run reports to beside log.csv: Weights & Biases, TensorBoard, a notebook."""

from gan_color.config.schema import Config
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training.loggers.base import Logger, Loggers, Reported
from gan_color.training.loggers.tolerant import Tolerant


def create_logger(config: Config, reported: Reported) -> Logger:
    """The trackers a configuration asks for, of a run that has reported this much.

    Weights & Biases online without a key, or without the server: a sentence, and offline.
    """
    members: list[Logger] = []
    if config.loggers.tensorboard:
        members.append(_tensorboard(config, reported))
    if config.loggers.notebook:
        members.append(_notebook())
    if config.loggers.wandb.mode != "disabled":
        members.append(Tolerant(_wandb(config, reported), "W&B"))
    return Loggers(members)


def _tensorboard(config: Config, reported: Reported) -> Logger:
    try:
        from gan_color.training.loggers.tensorboard_logger import TensorboardLogger
    except ImportError:
        raise GanColorError(
            "loggers.tensorboard: found no package tensorboard; expected it installed: "
            "pip install 'gan-color[tensorboard]'"
        ) from None
    return TensorboardLogger(config, reported)


def _notebook() -> Logger:
    try:
        from gan_color.training.loggers.notebook_logger import NotebookLogger
    except ImportError:
        raise GanColorError(
            "loggers.notebook: found no package IPython; expected to run in Jupyter"
        ) from None
    return NotebookLogger()


def _wandb(config: Config, reported: Reported) -> Logger:
    from gan_color.training.loggers import wandb_logger

    if config.loggers.wandb.mode == "online":
        if not wandb_logger.has_key():
            _warn_offline("found no API key; run `wandb login`")
        else:
            try:
                return wandb_logger.WandbLogger(config, "online", reported)
            except wandb_logger.WandbError as error:
                _warn_offline(f"could not start online ({error})")
    return wandb_logger.WandbLogger(config, "offline", reported)


def _warn_offline(reason: str) -> None:
    console.print(
        f"W&B: {' '.join(reason.split())}: this run is tracked offline; `wandb sync` sends the "
        "folder it names",
        markup=False,
    )
