"""The configuration of a run: strict YAML, checked before any device is touched.

`load(path, overrides)` -> Config. Every mistake becomes one GanColorError that names the key, what
was found, what is allowed, and the closest known key.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gan_color.errors import GanColorError
from gan_color.losses import Objective
from gan_color.strict_yaml import apply_override, read_yaml
from gan_color.validation import explain


class Strict(BaseModel):
    """Unknown keys are errors; nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(gt=0)]


class RunConfig(Strict):
    """Where and how a run happens. Changing these changes speed, not results (but for seed)."""

    name: str = Field("run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    dir: Path = Path("runs")
    seed: int = Field(0, ge=0)
    device: str = Field("auto", description="auto | cpu | cuda | cuda:1 | mps")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool = True
    compile: bool = Field(False, description="torch.compile generator and discriminators")
    epoch_images: Count = Field(2000, description="a checkpoint, a preview, a log line each")
    log_every: Count = Field(10, description="steps between rows of log.csv")
    keep: Count = Field(2, description="checkpoints kept of the running stage")
    previews: Count = Field(8, description="validation pictures shown in previews")
    judged: Count = Field(64, description="validation pictures measured after every epoch")
    average_half_life: Positive = Field(2000, description="of the EMA generator, in images")


class FolderConfig(Strict):
    """A folder tree of pictures; subfolders become classes."""

    path: Path
    weight: Weight | None = Field(None, description="share of the draws; null: by its files")

    @model_validator(mode="before")
    @classmethod
    def _plain_path(cls, data: Any) -> Any:
        return {"path": data} if isinstance(data, str | Path) else data


class AugmentConfig(Strict):
    """Random changes of a training crop."""

    scale: tuple[Share, Share] = Field((0.35, 1.0), description="share of the picture's area")
    ratio: tuple[Positive, Positive] = Field((0.75, 1.3333), description="width / height")
    flip: Share = 0.5
    brightness: Share = 0.0
    contrast: Share = 0.0
    degrade: Share = Field(0.0, description="share of items whose L gets grain, blur, JPEG, fading")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("scale", "ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: found [{low}, {high}], expected 0 < low <= high")
        return self


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
    source_pattern: str | None = Field(
        None, description="regex; group 1 of a file name: its source"
    )
    workers: int = Field(2, ge=0)
    licence: str = Field("unstated", description="of the pictures; goes into the model file")
    augment: AugmentConfig = AugmentConfig()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.folders) == self.samples:
            raise ValueError("give either folders: [PATH, ...] or samples: true")
        return self


class DiscriminatorConfig(Strict):
    """The pix2pixHD discriminators (gan_color.models.discriminator)."""

    scales: int = Field(3, ge=1, le=5)
    layers: int = Field(3, ge=1, le=6)
    width: Count = 64
    norm: Literal["spectral", "instance", "none"] = "spectral"
    attention: bool = False


class PerceptualConfig(Strict):
    """Perceptual loss: vgg16_bn (torchvision) or any timm backbone."""

    weight: Weight
    backbone: str = "vgg16_bn"
    weights: str = Field("pretrained", description="pretrained | a .safetensors file's path")
    args: dict[str, bool | int | float | str] = {}
    drop: tuple[str, ...] = ()


class TrackingConfig(Strict):
    """Weights & Biases. log.csv, previews and report.html are written in any case."""

    wandb: Literal["disabled", "offline", "online"] = "disabled"
    project: str = "gan_color"
    tags: tuple[str, ...] = ()


class _Stage(Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    images: Count
    size: Annotated[int, Field(ge=16, le=2048)]
    batch: Count = Field(description="images per update, over all ranks and accumulated parts")
    accumulate: Count = Field(1, description="parts a batch is computed in, to save memory")
    lr: Positive
    pct_start: Share = Field(0.25, description="share of the stage the rate rises for (one cycle)")
    betas: tuple[Share, Share] = (0.9, 0.99)
    weight_decay: Weight = 0.01
    clip: Weight = Field(1.0, description="largest gradient norm; 0: none")

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch % self.accumulate:
            raise ValueError(
                f"accumulate: found {self.accumulate}, expected a divisor of batch = {self.batch}"
            )
        return self


class _GeneratorStage(_Stage):
    freeze_encoder: bool = False
    freeze_norm: bool = Field(False, description="BatchNorm keeps its running statistics")
    encoder_lr: Share = Field(1.0, description="rate of the first layers, as a share of lr")
    perceptual: PerceptualConfig | None = None
    colorfulness: Weight = Field(0.0, description="weight of the colourfulness loss")


class SupervisedStage(_GeneratorStage):
    """The generator alone, on its own losses."""

    kind: Literal["supervised"]


class _Adversarial(_Stage):
    objective: Objective = "lsgan"


class DiscriminatorStage(_Adversarial):
    """The discriminators alone, on the generator's own fakes."""

    kind: Literal["discriminator"]


class AdversarialStage(_GeneratorStage, _Adversarial):
    """Generator against discriminators."""

    kind: Literal["adversarial"]
    betas: tuple[Share, Share] = (0.5, 0.999)
    gan: Weight = Field(1.0, description="weight of the adversarial loss")
    feature_matching: Weight = 10.0
    discriminator_lr: Positive = Field(2.0, description="the discriminators' rate over lr (TTUR)")
    catch_up: Weight = Field(
        0.0, description="the generator waits while the discriminator loss is above this; 0: never"
    )


Stage = Annotated[
    SupervisedStage | DiscriminatorStage | AdversarialStage, Field(discriminator="kind")
]


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
        from gan_color import models

        if "name" not in model:
            raise ValueError(f"name is missing, expected one of {', '.join(models.names())}")
        options = {key: value for key, value in model.items() if key != "name"}
        try:
            parsed = models.parse_options(model["name"], options)
        except GanColorError as error:
            raise ValueError(str(error)) from None
        except ValidationError as error:
            raise ValueError(
                explain(error, models.model_class(model["name"]).Options, "model")
            ) from None
        return {"name": model["name"], **parsed.model_dump(mode="json")}

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        from gan_color import models

        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages: found the names {', '.join(names)}, expected each once")
        adversarial = [s.name for s in self.stages if isinstance(s, AdversarialStage)]
        if adversarial and not models.model_class(self.model["name"]).regression:
            raise ValueError(
                f"stages: {adversarial[0]!r} trains {self.model['name']!r} against discriminators, "
                "but that model classifies colours; expected a regression model, or no such stage"
            )
        return self

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
