"""What every logger of a run does; the base class logs nothing."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

Rows = dict[str, Tensor]  # {"gray", "EMA", "raw", "truth"}: uint8 [N, 3, H, W] each


@dataclass(frozen=True)
class Reported:
    """What a run that is resumed has reported before: it repeats what follows its checkpoint."""

    run_id: str | None = None  # of Weights & Biases
    total_images: int = 0  # of the checkpoint
    rows: tuple[dict[str, Any], ...] = ()  # of log.csv, those after the checkpoint too


class Logger:
    """The tracker that tracks nothing, so that callers never ask whether one is on."""

    run_id: str | None = None

    def log(self, row: dict[str, Any]) -> None:
        """A row of numbers; "stage" and "total_images" say when."""

    def previews(self, rows: Rows, total_images: int) -> None:
        """The same images, one row of them per name."""

    def last_previews(self) -> None:
        """The run is over: those before were its last."""

    def dataset(self, manifest: Path, summary: dict[str, Any]) -> None:
        """What the run trains on."""

    def checkpoint(self, folder: Path, stage: str) -> None:
        """A stage's last checkpoint."""

    def model(self, path: Path, metadata: dict[str, Any], aliases: list[str]) -> None:
        """The exported model, and what it may be called beside its name: "final", say."""

    def summary(self, values: dict[str, Any]) -> None:
        """Final figures, beside the curves."""

    def finish(self) -> None:
        """Close, at the run's end or where it was asked to stop; nothing may follow."""


class Forwarding(Logger):
    """A logger that hands every call on by `_forward`."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name not in CALLS:
            return super().__getattribute__(name)
        return partial(self._forward, name)

    def _forward(self, name: str, *arguments: Any) -> None:
        raise NotImplementedError


class Loggers(Forwarding):
    """Several loggers as one: every call goes to each of them."""

    def __init__(self, members: list[Logger]) -> None:
        self.members = members

    @property
    def run_id(self) -> str | None:  # type: ignore[override]
        """Weights & Biases' id of the run, to go on with after a resume."""
        return next((m.run_id for m in self.members if m.run_id), None)

    def _forward(self, name: str, *arguments: Any) -> None:
        for member in self.members:
            getattr(member, name)(*arguments)


CALLS = frozenset(name for name in vars(Logger) if callable(getattr(Logger, name)))


def scalars(row: dict[str, Any]) -> dict[str, float]:
    """A row's figures by "stage/name", without its place in the run."""
    return {
        f"{row['stage']}/{name}": value
        for name, value in row.items()
        if isinstance(value, int | float) and name not in ("images", "total_images")
    }
