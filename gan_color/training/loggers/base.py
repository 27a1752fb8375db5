"""What every logger of a run does; the base class logs nothing."""

from pathlib import Path
from typing import Any

from torch import Tensor

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
