"""Where a run reports to beside log.csv: Weights & Biases, TensorBoard, a notebook."""

from pathlib import Path
from typing import Any

from torch import Tensor

from gan_color.config import Config
from gan_color.console import console
from gan_color.errors import GanColorError

Rows = dict[str, Tensor]  # {"grey", "EMA", "raw", "truth"}: uint8 [N, 3, H, W] each


class Tracker:
    """The tracker that tracks nothing, so that callers never ask whether one is on."""

    run_id: str | None = None

    def log(self, row: dict[str, Any]) -> None:
        """A row of numbers; "stage" and "total_images" say when."""

    def previews(self, rows: Rows, total_images: int) -> None:
        """The same pictures, as each of the names answers them."""

    def dataset(self, manifest: Path, summary: dict[str, Any]) -> None:
        """What the run trains on."""

    def checkpoint(self, folder: Path, stage: str) -> None:
        """A stage's last checkpoint."""

    def model(self, path: Path, metadata: dict[str, Any]) -> None:
        """The exported model."""

    def summary(self, values: dict[str, Any]) -> None:
        """Final figures, beside the curves."""

    def finish(self) -> None:
        """Say goodbye; nothing may follow."""


class Trackers(Tracker):
    """Several trackers as one."""

    def __init__(self, members: list[Tracker]) -> None:
        self.members = members

    @property
    def run_id(self) -> str | None:  # type: ignore[override]
        """Weights & Biases' id of the run, to go on with after a resume."""
        return next((m.run_id for m in self.members if m.run_id), None)

    def log(self, row: dict[str, Any]) -> None:
        for member in self.members:
            member.log(row)

    def previews(self, rows: Rows, total_images: int) -> None:
        for member in self.members:
            member.previews(rows, total_images)

    def dataset(self, manifest: Path, summary: dict[str, Any]) -> None:
        for member in self.members:
            member.dataset(manifest, summary)

    def checkpoint(self, folder: Path, stage: str) -> None:
        for member in self.members:
            member.checkpoint(folder, stage)

    def model(self, path: Path, metadata: dict[str, Any]) -> None:
        for member in self.members:
            member.model(path, metadata)

    def summary(self, values: dict[str, Any]) -> None:
        for member in self.members:
            member.summary(values)

    def finish(self) -> None:
        for member in self.members:
            member.finish()


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """A row's figures by "stage/name", without its place in the run."""
    return {
        f"{row['stage']}/{name}": value
        for name, value in row.items()
        if isinstance(value, int | float) and name not in ("images", "total_images")
    }


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
        from gan_color.training.tensorboard_tracker import TensorboardTracker
    except ImportError:
        raise GanColorError(
            "tracking.tensorboard: found no package tensorboard; expected it installed: "
            "pip install 'gan-color[tensorboard]'"
        ) from None
    return TensorboardTracker(config.folder / "tensorboard")


def _notebook() -> Tracker:
    try:
        from gan_color.training.notebook_tracker import NotebookTracker
    except ImportError:
        raise GanColorError(
            "tracking.notebook: found no package IPython; expected to run in Jupyter"
        ) from None
    return NotebookTracker()


def _wandb(config: Config, run_id: str | None) -> Tracker:
    from gan_color.training import wandb_tracker

    if config.tracking.wandb == "online":
        if not wandb_tracker.has_key():
            _say_offline("found no API key; run `wandb login`")
        else:
            try:
                return wandb_tracker.WandbTracker(config, "online", run_id)
            except wandb_tracker.WandbError as error:
                _say_offline(f"could not start online ({error})")
    return wandb_tracker.WandbTracker(config, "offline", run_id)


def _say_offline(reason: str) -> None:
    console.print(
        f"W&B: {' '.join(reason.split())}: this run is tracked offline; `wandb sync` sends the "
        "folder it names",
        markup=False,
    )
