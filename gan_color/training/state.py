"""Where a run stands, and what it writes as it goes: log, previews, tracker."""

from pathlib import Path
from typing import Any

from gan_color.config.schema import Config
from gan_color.config.stages import Stage
from gan_color.errors import GanColorError
from gan_color.training import checkpoint
from gan_color.training.early_stopping import SnapshotMetrics
from gan_color.training.loggers.base import Logger, Rows
from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.loggers.preview import preview_sheet
from gan_color.training.report.sessions import Session


class TrainingState:
    """Position and logs of a run: `images` within the stage, `total_images` over all."""

    def __init__(self, config: Config) -> None:
        self.config, self.folder = config, config.folder
        self.stage: Stage = config.schedule[0].stage
        self.stage_index, self.images, self.stage_images, self.total_images = 0, 0, 0, 0
        self.figures: dict[str, float] = {}
        self.last_checkpoint: Path | None = None
        # True once the inflection rule has ended the running stage and gone back to its best.
        self.stage_ended = False
        self.evaluations: list[SnapshotMetrics] = []
        self.best: dict[str, SnapshotMetrics] = {}  # what watched stages went back to
        self.protected: set[str] = set()  # checkpoints that must not be pruned
        self.finished_cycles: set[str] = set()  # adversarial stages whose cycles are over
        self.csv = CsvLog(self.folder / "log.csv")
        self.logger = Logger()
        self.session: Session | None = None  # of the first rank, once it has started

    @property
    def checkpoint_name(self) -> str:
        """The folder a checkpoint taken now is called."""
        return f"{self.stage.name}-{self.images:07d}"

    def advance(self, images: int) -> None:
        """Count images that were trained on."""
        self.images += images
        self.total_images += images

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, JSON-able."""
        return {
            "stage": self.stage.name,
            "stage_index": self.stage_index,
            "images": self.images,
            "total_images": self.total_images,
            "figures": self.figures,
            "stage_ended": self.stage_ended,
            "evaluations": self.evaluations,
            "best": self.best,
            "protected": sorted(self.protected),
            "finished_cycles": sorted(self.finished_cycles),
            "wandb": self.logger.run_id,
        }

    def load_state_dict(self, found: checkpoint.Checkpoint) -> None:
        """Restore a checkpoint; GanColorError for a stage that the configuration lacks."""
        state = found.state
        if state["stage_index"] >= len(self.config.schedule):
            raise GanColorError(f"resume: {found.folder} is of a stage that config.yml lacks")
        self.stage_index, self.images = state["stage_index"], state["images"]
        self.total_images, self.figures = state["total_images"], state["figures"]
        self.stage_ended, self.evaluations = state["stage_ended"], state["evaluations"]
        self.best, self.protected = state["best"], set(state["protected"])
        self.finished_cycles = set(state["finished_cycles"])
        self.last_checkpoint = found.folder

    def log(self, values: dict[str, float]) -> None:
        """A row for log.csv and the tracker. Only the first rank calls this."""
        row = {
            "stage": self.stage.name,
            "images": self.images,
            "total_images": self.total_images,
            **{name: round(value, 8) for name, value in values.items()},
        }
        self.csv.add(row)
        self.logger.log(row)

    def validated(self, figures: dict[str, float], rows: Rows) -> None:
        """Log figures of the EMA generator, and keep a preview sheet named by when it was made."""
        self.figures = figures
        self.log(figures)
        folder = self.folder / "previews"
        folder.mkdir(exist_ok=True)
        name = f"{self.stage_index}-{self.stage.name}-{self.images:07d}.jpg"
        preview_sheet(rows).save(folder / name, quality=92, subsampling=0)
        self.logger.previews(rows, self.total_images)
