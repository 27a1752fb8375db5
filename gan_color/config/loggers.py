"""The configuration of who hears of a run."""

from typing import Any, Literal

from pydantic import Field, model_validator

from gan_color.options import Strict


class WandbConfig(Strict):
    """Weights & Biases. A word alone is the mode; a mapping without one is online."""

    mode: Literal["disabled", "offline", "online"] = "online"
    project: str = "gan_color"
    entity: str | None = Field(None, description="a team's or a user's name; null: your default")
    group: str | None = Field(None, description="runs of one group are shown as one")
    job_type: str | None = None
    tags: tuple[str, ...] = ()
    notes: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _word_alone(cls, data: Any) -> Any:
        if isinstance(data, bool | int | float):
            found = str(data).lower() if isinstance(data, bool) else data
            raise ValueError(
                f"found {found}, expected disabled, offline or online, or a mapping of "
                f"{', '.join(cls.model_fields)}"
            )
        return {"mode": data} if isinstance(data, str) else data


class LoggersConfig(Strict):
    """Who hears of a run. log.csv, previews and report.html are written in any case."""

    wandb: WandbConfig = WandbConfig(mode="disabled")
    tensorboard: bool = Field(False, description="event files; needs the extra 'tensorboard'")
    notebook: bool = Field(False, description="previews below the cell of a notebook")
    checkpoints: bool = Field(False, description="each stage's last one becomes a W&B artifact")
