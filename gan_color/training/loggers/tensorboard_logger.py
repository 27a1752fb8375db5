"""TensorBoard: the same figures and previews as everywhere else."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from gan_color.training.loggers.base import Logger, Rows, scalars


class TensorboardLogger(Logger):
    """Writes event files into a folder; the x-axis is images."""

    def __init__(self, folder: Path) -> None:
        self.writer = SummaryWriter(str(folder))

    def log(self, row: dict[str, Any]) -> None:
        for name, value in scalars(row).items():
            self.writer.add_scalar(name, value, row["total_images"])

    def previews(self, rows: Rows, total_images: int) -> None:
        sheet = torch.cat(list(rows.values()), dim=3)
        self.writer.add_images(" | ".join(rows), sheet, total_images)

    def finish(self) -> None:
        self.writer.close()
