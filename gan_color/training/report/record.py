"""What a run writes of itself into its model file."""

from typing import Any

from gan_color.config.schema import Config
from gan_color.hub.init_from import origin
from gan_color.training.loggers.wandb_artifacts import find_model
from gan_color.training.state import TrainingState

KEPT = {"name", "kind", "images", "size", "batch_size"}  # of each stage


def training_record(
    config: Config, state: TrainingState, data_summary: dict[str, Any]
) -> dict[str, Any]:
    """The run's stages, images and figures, its data as counts, and what it started from."""
    record = {
        "run": config.run.name,
        "stages": [s.stage.model_dump(mode="json", include=KEPT) for s in config.schedule],
        "images": state.total_images,
        "data_license": config.data.license,
        "training_images": data_summary["train"],
        "sources": data_summary["sources"],
        "figures": state.figures,
        "best": state.best,
    }
    if config.run.init_from:
        record["init_from"] = origin(str(config.run.init_from), find_model)
    return record
