"""TensorBoard: the same figures and previews as everywhere else, the configuration, hparams."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from gan_color.config.schema import Config
from gan_color.config.yaml_core import dump_yaml
from gan_color.config.yaml_file import flatten
from gan_color.training.loggers.base import Logger, Reported, Rows, scalars

# What the table of hparams shows beside them: a stage's last value.
METRICS = ("psnr", "colorfulness", "snapshot_score", "snapshot_frechet")


class TensorboardLogger(Logger):
    """Writes event files into the run's folder; the x-axis is images."""

    def __init__(self, config: Config, reported: Reported) -> None:
        self.config = config
        self.metrics: dict[str, float] = {}
        # What a killed run wrote after its checkpoint comes again: readers drop the first of it.
        purged = reported.total_images + 1 if reported.rows else None
        self.writer = SummaryWriter(str(config.folder / "tensorboard"), purge_step=purged)
        text = dump_yaml(config.model_dump(mode="json"))
        self.writer.add_text("config", "".join(f"    {line}\n" for line in text.splitlines()))

    def log(self, row: dict[str, Any]) -> None:
        found = scalars(row)
        for name, value in found.items():
            self.writer.add_scalar(name, value, row["total_images"])
        kept = {n: v for n, v in found.items() if n.rpartition("/")[2] in METRICS}
        self.metrics.update(kept)

    def previews(self, rows: Rows, total_images: int) -> None:
        sheet = torch.cat(list(rows.values()), dim=3)
        self.writer.add_images(" | ".join(rows), sheet, total_images)

    def model(self, path: Path, metadata: dict[str, Any], aliases: list[str]) -> None:
        mapping = flatten(self.config.model_dump(mode="json"))
        # Numbers, text and truth values are all that the table can hold.
        shown = {
            key: value if isinstance(value, bool | int | float | str) else str(value)
            for key, value in mapping.items()
        }
        # As SummaryWriter.add_hparams does, which would begin a second run for them.
        for summary in hparams(shown, self.metrics):
            self.writer._get_file_writer().add_summary(summary)

    def finish(self) -> None:
        self.writer.close()
