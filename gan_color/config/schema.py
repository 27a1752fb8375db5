"""The configuration of a run: strict YAML, checked before any device is touched.

`load(path, overrides)` -> Config. Every mistake becomes one GanColorError that names the key, what
was found, what is allowed, and the closest known key.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from gan_color.config.stages import (
    AdversarialStage,
    AugmentConfig,
    DiscriminatorStage,
    Stage,
    SupervisedStage,
)
from gan_color.config.units import parse_bytes
from gan_color.config.yaml_file import apply_override, read_yaml
from gan_color.errors import GanColorError
from gan_color.models.discriminators import DiscriminatorConfig
from gan_color.options import Count, Positive, Share, Strict, Weight, explain


class RunConfig(Strict):
    """Where and how a run happens. Changing these changes speed, not results (but for seed)."""

    name: str = Field(
        "run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="auto: by time or W&B's id"
    )
    dir: Path = Path("runs")
    start: Path | None = Field(None, description="a model file whose weights are trained further")
    seed: int = Field(0, ge=0)
    device: str = Field("auto", description="auto | cpu | cuda | cuda:1 | mps")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool = True
    compile: bool = Field(False, description="torch.compile what is trained and not recomputed")
    recompute: bool = Field(False, description="activation checkpointing: less memory, more work")
    memory: str | None = Field(
        None, description="such as 16GiB: what batch: auto may fill; null: what the device has free"
    )
    length: Positive = Field(1.0, description="multiplies the images of every stage")
    epoch_images: Count = Field(2000, description="a checkpoint, a preview, a log line each")
    log_every: Count = Field(10, description="steps between rows of log.csv")
    keep: Count = Field(2, description="checkpoints kept of the running stage")
    previews: Count = Field(8, description="validation pictures shown in previews")
    judged: Count = Field(64, description="validation pictures measured after every epoch")
    average_half_life: Positive = Field(2000, description="of the EMA generator, in images")

    @field_validator("memory")
    @classmethod
    def _an_amount(cls, memory: str | None) -> str | None:
        if memory is not None:
            try:
                parse_bytes(memory, "run.memory")
            except GanColorError as error:
                raise ValueError(str(error)) from None
        return memory


class FolderConfig(Strict):
    """A folder tree of pictures; subfolders become classes."""

    path: Path
    weight: Weight | None = Field(None, description="share of the draws; null: by its files")

    @model_validator(mode="before")
    @classmethod
    def _plain_path(cls, data: Any) -> Any:
        return {"path": data} if isinstance(data, str | Path) else data


class DataConfig(Strict):
    """Which pictures train, which validate, and how they are drawn."""

    folders: tuple[FolderConfig, ...] = ()
    samples: bool = Field(False, description="use the photographs that installed packages carry")
    valid: tuple[FolderConfig, ...] = Field((), description="none: split off valid_share")
    valid_share: Share = 0.05
    drop_grey: bool = True
    balance: Share = Field(0.0, description="0: files alike; 1: sources or classes alike")
    balance_by: Literal["source", "class"] = "source"
    source_weights: dict[str, Weight] = Field({}, description="multiplies a source's draws")
    only: str | None = Field(
        None, description="regex; of the training files, those whose name it matches"
    )
    source_pattern: str | None = Field(
        None, description="regex; group 1 of a file name: its source"
    )
    workers: int = Field(2, ge=0)
    licence: str = Field("unstated", description="of the pictures; goes into the model file")
    augment: AugmentConfig = AugmentConfig()

    @field_validator("only", "source_pattern")
    @classmethod
    def _regular_expression(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"found {pattern!r}, not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.folders) == self.samples:
            raise ValueError("give either folders: [PATH, ...] or samples: true")
        return self


class TrackingConfig(Strict):
    """Who hears of a run. log.csv, previews and report.html are written in any case."""

    wandb: Literal["disabled", "offline", "online"] = "disabled"
    tensorboard: bool = Field(False, description="event files; needs the extra 'tensorboard'")
    notebook: bool = Field(False, description="previews below the cell of a notebook")
    checkpoints: bool = Field(False, description="each stage's last one becomes a W&B artifact")
    project: str = "gan_color"
    tags: tuple[str, ...] = ()


class Scheduled(NamedTuple):
    """A stage as it is run: in which cycle, and of which adversarial stage the cycle is."""

    stage: Stage
    cycle: int
    of: str


class Config(Strict):
    """One run: a model, its data, its stages."""

    run: RunConfig = RunConfig()
    model: dict[str, Any]
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    data: DataConfig
    tracking: TrackingConfig = TrackingConfig()
    stages: tuple[Stage, ...] = Field(min_length=1)

    @field_validator("model")
    @classmethod
    def _known_model(cls, model: dict[str, Any]) -> dict[str, Any]:
        from gan_color.models import registry

        if "name" not in model:
            raise ValueError(f"name is missing, expected one of {', '.join(registry.names())}")
        options = {key: value for key, value in model.items() if key != "name"}
        try:
            parsed = registry.parse_options(model["name"], options)
        except GanColorError as error:
            raise ValueError(str(error)) from None
        except ValidationError as error:
            raise ValueError(
                explain(error, registry.model_class(model["name"]).Options, "model")
            ) from None
        return {"name": model["name"], **parsed.model_dump(mode="json")}

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        from gan_color.models import registry

        names = [scheduled.stage.name for scheduled in self.schedule]
        if len(set(names)) < len(names):
            raise ValueError(f"stages: found the names {', '.join(names)}, expected each once")
        for stage in self.stages:
            if (
                isinstance(stage, SupervisedStage)
                and not stage.own
                and stage.perceptual is None
                and not stage.psnr
                and not stage.color_difference
                and not stage.colorfulness
            ):
                raise ValueError(
                    f"stages.{stage.name}.own: found 0, expected above 0 where no other loss is on"
                )
        for i, (stage, _, _) in enumerate(self.schedule):
            strangers = set(stage.mean_of) - set(names[:i])
            if strangers:
                raise ValueError(
                    f"stages.{stage.name}.mean_of: found {', '.join(sorted(strangers))}, "
                    f"expected stages before it ({', '.join(names[:i]) or 'there are none'})"
                )
        for before, stage in zip((None, *self.stages), self.stages, strict=False):
            if (
                isinstance(stage, AdversarialStage)
                and stage.repeat > 1
                and not isinstance(before, DiscriminatorStage)
            ):
                raise ValueError(
                    f"stages.{stage.name}.repeat: found {stage.repeat}, expected 1 where no "
                    "discriminator stage comes right before: a cycle is both"
                )
        adversarial = [s.name for s in self.stages if isinstance(s, AdversarialStage)]
        if adversarial and not registry.model_class(self.model["name"]).regression:
            raise ValueError(
                f"stages: {adversarial[0]!r} trains {self.model['name']!r} against discriminators, "
                "but that model classifies colours; expected a regression model, or no such stage"
            )
        return self

    @property
    def schedule(self) -> tuple[Scheduled, ...]:
        """The stages as they are run: DeOldify's cycles (`repeat`) written out, named _2, _3 ..."""
        written: list[Scheduled] = []
        stages = [self._lengthened(stage) for stage in self.stages]
        for i, stage in enumerate(stages):
            written.append(Scheduled(stage, 1, stage.name))
            if isinstance(stage, AdversarialStage):
                for cycle in range(2, stage.repeat + 1):
                    for each in (stages[i - 1], stage):
                        named = each.model_copy(update={"name": f"{each.name}_{cycle}"})
                        written.append(Scheduled(named, cycle, stage.name))
        return tuple(written)

    def _lengthened(self, stage: Stage) -> Stage:
        least = 1 if stage.batch == "auto" else stage.batch
        images = max(least, round(stage.images * self.run.length))
        return stage if images == stage.images else stage.model_copy(update={"images": images})

    def resolved(self, batches: Mapping[str, int]) -> "Config":
        """The same configuration with these batches, by the names of stages."""
        data = self.model_dump(mode="json")
        for stage in data["stages"]:
            stage["batch"] = batches.get(stage["name"], stage["batch"])
        return parse(data)

    @property
    def folder(self) -> Path:
        """Where the run leaves its files."""
        return self.run.dir / self.run.name


def load(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read, override and validate a run's configuration; raises GanColorError."""
    data = read_yaml(path)
    for override in overrides:
        apply_override(data, override)
    return parse(data, str(path))


def parse(data: dict[str, Any], origin: str = "config") -> Config:
    """Validate a configuration that is already a mapping; raises GanColorError."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise GanColorError(explain(error, Config, origin)) from None
