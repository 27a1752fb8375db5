"""The configuration of images: which train, which validate, and how they are drawn."""

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from gan_color.config.stages import AugmentConfig
from gan_color.images.resize import EvalResize
from gan_color.options import Share, Strict, Weight


class FolderConfig(Strict):
    """A folder tree of images; subfolders become classes."""

    path: Path
    weight: Weight | None = Field(None, description="share of the draws; null: by its files")

    @model_validator(mode="before")
    @classmethod
    def _plain_path(cls, data: Any) -> Any:
        return {"path": data} if isinstance(data, str | Path) else data


class PairsConfig(Strict):
    """Two folder trees with files of the same names: what a model is shown, and its true colors."""

    input: Path = Field(description="gray, infrared, radar: what L is taken from")
    color: Path
    weight: Weight | None = Field(None, description="share of the draws; null: by its files")


class DataConfig(Strict):
    """Which images train, which validate, and how they are drawn."""

    folders: tuple[FolderConfig, ...] = ()
    pairs: PairsConfig | None = Field(
        None, description="real inputs with their colors, beside the folders or alone"
    )
    samples: bool = Field(False, description="use the photographs that installed packages carry")
    val: tuple[FolderConfig, ...] = Field((), description="none: split off val_fraction")
    val_fraction: Share = 0.05
    drop_gray: bool = True
    balance: Share = Field(0.0, description="0: files alike; 1: sources or classes alike")
    balance_by: Literal["source", "class"] = "source"
    source_weights: dict[str, Weight] = Field({}, description="multiplies a source's draws")
    filename_filter: str | None = Field(
        None, description="regex; of the training files, those whose name it matches"
    )
    source_pattern: str | None = Field(
        None, description="regex; group 1 of a file name: its source"
    )
    num_workers: int = Field(2, ge=0)
    license: str = Field("unstated", description="of the images; goes into the model file")
    eval_resize: EvalResize = Field(
        "bicubic", description="of validation images; area: as earlier versions did"
    )
    augment: AugmentConfig = AugmentConfig()

    @field_validator("filename_filter", "source_pattern")
    @classmethod
    def _regular_expression(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"found {pattern!r}, not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.folders or self.pairs) == self.samples:
            raise ValueError(
                "give either folders: [PATH, ...] (or pairs, or both) or samples: true"
            )
        return self
