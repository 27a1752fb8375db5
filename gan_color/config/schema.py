"""The configuration of a run: strict YAML, checked before any device is touched.

`load(path, overrides)` -> Config. Every mistake becomes one GanColorError that names the key, what
was found, what is allowed, and the closest known key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from gan_color.config import legacy
from gan_color.config.data import DataConfig
from gan_color.config.loggers import LoggersConfig
from gan_color.config.stages import (
    AdversarialStage,
    DiscriminatorStage,
    Stage,
    SupervisedStage,
)
from gan_color.config.units import parse_bytes
from gan_color.config.yaml_file import apply_override, read_yaml
from gan_color.errors import GanColorError
from gan_color.models.discriminators import DiscriminatorConfig
from gan_color.options import Count, Positive, Strict, explain


class RunConfig(Strict):
    """Where and how a run happens. Changing these changes speed, not results (but for seed)."""

    name: str = Field(
        "run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="auto: by time or W&B's id"
    )
    dir: Path = Path("runs")
    mirror: Path | None = Field(
        None, description="a folder, on a drive that outlives the machine, for a copy of the run"
    )
    init_from: Path | None = Field(
        None, description="a model file whose weights are trained further"
    )
    seed: int = Field(0, ge=0)
    device: str = Field("auto", description="auto | cpu | cuda | cuda:1 | mps")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool = True
    compile: bool = Field(False, description="torch.compile what is trained and not checkpointed")
    activation_checkpointing: bool = Field(
        False, description="activation checkpointing: less memory, more work"
    )
    sync_batchnorm: bool = Field(
        False, description="BatchNorm over the batch of all ranks (CUDA), not over a rank's share"
    )
    memory_budget: str | None = Field(
        None, description="such as 16GiB: what batch_size: auto may fill; null: all that is free"
    )
    duration_scale: Positive = Field(1.0, description="multiplies the images of every stage")
    hours: Positive | None = Field(
        None, description="what the run may take: sets duration_scale by measured updates"
    )
    epoch_images: Count = Field(2000, description="a checkpoint, a preview, a log line each")
    log_every: Count = Field(10, description="steps between rows of log.csv")
    keep_checkpoints: Count = Field(2, description="checkpoints kept of the running stage")
    preview_images: Count = Field(8, description="validation images shown in previews")
    val_images: Count = Field(64, description="validation images evaluated after every epoch")
    ema_half_life: Positive = Field(2000, description="of the EMA generator, in images")
    trial: bool = Field(
        True, description="try what later stages need (weights, disk) before the first update"
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.hours is not None and self.duration_scale != 1:
            raise ValueError(
                f"found hours {self.hours:g} and duration_scale {self.duration_scale:g}, expected "
                "one of them: hours sets the other"
            )
        return self

    @field_validator("memory_budget")
    @classmethod
    def _an_amount(cls, memory: str | None) -> str | None:
        if memory is not None:
            try:
                parse_bytes(memory, "run.memory_budget")
            except GanColorError as error:
                raise ValueError(str(error)) from None
        return memory


class ScheduledStage(NamedTuple):
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
    loggers: LoggersConfig = LoggersConfig()
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
                and not stage.model_loss_weight
                and stage.perceptual is None
                and not stage.psnr_weight
                and not stage.color_difference_weight
                and not stage.colorfulness_weight
            ):
                raise ValueError(
                    f"stages.{stage.name}.model_loss_weight: found 0, expected above 0 where no "
                    "other loss is on"
                )
        for i, (stage, _, _) in enumerate(self.schedule):
            unknown = set(stage.average_from) - set(names[:i])
            if unknown:
                raise ValueError(
                    f"stages.{stage.name}.average_from: found {', '.join(sorted(unknown))}, "
                    f"expected stages before it ({', '.join(names[:i]) or 'there are none'})"
                )
        for before, stage in zip((None, *self.stages), self.stages, strict=False):
            if (
                isinstance(stage, AdversarialStage)
                and stage.cycles > 1
                and not isinstance(before, DiscriminatorStage)
            ):
                raise ValueError(
                    f"stages.{stage.name}.cycles: found {stage.cycles}, expected 1 where no "
                    "discriminator stage comes right before: a cycle is both"
                )
        options = {key: value for key, value in self.model.items() if key != "name"}
        takes_hints = registry.parse_options(self.model["name"], options).takes_hints
        for stage in self.stages:
            if not isinstance(stage, DiscriminatorStage) and stage.hints and not takes_hints:
                raise ValueError(
                    f"stages.{stage.name}.hints: found some for {self.model['name']!r} with "
                    "options under which it takes none, expected model.hints: true of unet, or null"
                )
        adversarial = [s.name for s in self.stages if isinstance(s, AdversarialStage)]
        if adversarial and not registry.model_class(self.model["name"]).regression:
            raise ValueError(
                f"stages: {adversarial[0]!r} trains {self.model['name']!r} against discriminators, "
                "but that model classifies colors; expected a regression model, or no such stage"
            )
        return self

    @property
    def schedule(self) -> tuple[ScheduledStage, ...]:
        """The stages as they are run: DeOldify's `cycles` written out, named _2, _3 ..."""
        written: list[ScheduledStage] = []
        stages = [self._lengthened(stage) for stage in self.stages]
        for i, stage in enumerate(stages):
            written.append(ScheduledStage(stage, 1, stage.name))
            if isinstance(stage, AdversarialStage):
                for cycle in range(2, stage.cycles + 1):
                    for each in (stages[i - 1], stage):
                        named = each.model_copy(update={"name": f"{each.name}_{cycle}"})
                        written.append(ScheduledStage(named, cycle, stage.name))
        return tuple(written)

    def _lengthened(self, stage: Stage) -> Stage:
        least = 1 if stage.batch_size == "auto" else stage.batch_size
        images = max(least, round(stage.images * self.run.duration_scale))
        return stage if images == stage.images else stage.model_copy(update={"images": images})

    def resolved(self, batches: Mapping[str, int]) -> "Config":
        """The same configuration with these batches, by the names of stages."""
        data = self.model_dump(mode="json")
        for stage in data["stages"]:
            stage["batch_size"] = batches.get(stage["name"], stage["batch_size"])
        return parse(data)

    @property
    def folder(self) -> Path:
        """Where the run leaves its files."""
        return self.run.dir / self.run.name


def load(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read, override and validate a run's configuration; raises GanColorError."""
    return parse(read_config(path, overrides), str(path))


def read_config(path: Path, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """A run's configuration by today's names and with its overrides, not validated yet."""
    data = legacy.run_config(read_yaml(path), str(path))
    for override in overrides:
        apply_override(data, override)
    return data


def parse(data: dict[str, Any], origin: str = "config") -> Config:
    """Validate a configuration that is already a mapping; raises GanColorError."""
    data = legacy.run_config(data, origin)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise GanColorError(explain(error, Config, origin, data)) from None
