"""The configuration of a run: strict YAML, checked before any device is touched.

`load(path, overrides)` -> Config. Every mistake becomes one GanColorError that names the key, what
was found, what is allowed, and the closest known key.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gan_color.errors import GanColorError
from gan_color.losses import Objective


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


class _UniqueKeyLoader(yaml.SafeLoader):
    """safe_load that refuses a key given twice, where YAML would let the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file; GanColorError for anything else."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise GanColorError(f"config: found no file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GanColorError(f"config: cannot read {str(path)!r}: {error}") from None
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise GanColorError(f"config: {path} is not valid YAML: {detail}") from None
    if not isinstance(data, dict):
        raise GanColorError(
            f"config: {path} holds {type(data).__name__}, expected a mapping of run, model, data, "
            "stages"
        )
    return data


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one key in place: "run.seed=3", "stages.gan.lr=1e-5" (by name) or "stages.0.lr=...".

    The value is read as YAML. GanColorError where the path cannot be followed.
    """
    path, separator, text = override.partition("=")
    if not separator or not path.strip():
        raise GanColorError(f"--set: found {override!r}, expected KEY.KEY=VALUE")
    try:
        value = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError:
        raise GanColorError(f"--set: {text!r} is not a YAML value") from None
    *parents, last = path.strip().split(".")
    place: Any = data
    for key in parents:
        if isinstance(place, dict):
            if place.get(key) is None:
                place[key] = {}
            place = place[key]
        else:
            place = place[_list_index(place, key, path)] if isinstance(place, list) else None
        if not isinstance(place, dict | list):
            raise GanColorError(f"--set: {path!r} leads into a value at {key!r}, not a mapping")
    if isinstance(place, list):
        place[_list_index(place, last, path)] = value
    else:
        place[last] = value


def _list_index(items: list[Any], key: str, path: str) -> int:
    names = [item.get("name") for item in items if isinstance(item, dict)]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    known = ", ".join(str(name) for name in names if name) or f"0 to {len(items) - 1}"
    raise GanColorError(f"--set: {path!r}: found {key!r} in a list, expected one of {known}")


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


def explain(error: ValidationError, model: type[BaseModel], origin: str) -> str:
    """One line for all that is wrong: key, what was found, what is allowed, the closest key."""
    return "; ".join(_explain_one(dict(e), model, origin) for e in error.errors())


def _explain_one(error: dict[str, Any], model: type[BaseModel], origin: str) -> str:
    location = _without_tags(error["loc"])
    key = ".".join(str(part) for part in location) or "(top level)"
    found = error["input"]
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        hint = _closest(str(location[-1]), known)
        return f"{origin}: {key}: unknown key, expected one of {', '.join(known)}{hint}"
    if error["type"] == "missing":
        return f"{origin}: {key}: missing, and it has no default"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kind = found.get("kind") if isinstance(found, dict) else found
        return (
            f"{origin}: {key}.kind: found {kind!r}, expected one of {', '.join(STAGE_KINDS)}"
            f"{_closest(str(kind), list(STAGE_KINDS))}"
        )
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "value_error":
        # Ours: the message says what was found.
        return f"{origin}: {message}" if message.startswith(key) else f"{origin}: {key}: {message}"
    if error["type"] == "literal_error":
        expected = error["ctx"]["expected"]
        hint = _closest(str(found), [word.strip("',") for word in expected.split()])
        return f"{origin}: {key}: found {found!r}, expected {expected}{hint}"
    shown = repr(found) if not isinstance(found, dict | list) else f"a {type(found).__name__}"
    return f"{origin}: {key}: found {shown}, {message[:1].lower()}{message[1:]}"


def _closest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


STAGE_KINDS: dict[str, type[BaseModel]] = {
    "supervised": SupervisedStage,
    "discriminator": DiscriminatorStage,
    "adversarial": AdversarialStage,
}


def _is_tag(location: tuple[Any, ...], i: int) -> bool:
    """pydantic puts the kind of a stage behind its number: ("stages", 2, "adversarial", "lr")."""
    return i > 0 and isinstance(location[i - 1], int) and location[i] in STAGE_KINDS


def _without_tags(location: tuple[Any, ...]) -> list[Any]:
    return [part for i, part in enumerate(location) if not _is_tag(location, i)]


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The known keys of the part of a configuration that a location leads to."""
    current: Any = model
    for i, part in enumerate(location):
        if _is_tag(location, i):
            current = STAGE_KINDS[part]
        elif not isinstance(part, int) and current is not None:
            field = current.model_fields.get(str(part))
            current = _model_within(field.annotation) if field else None
    return sorted(current.model_fields) if current is not None else []


def _model_within(annotation: Any) -> Any:
    """The pydantic model inside an annotation such as tuple[Model, ...] or Model | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_within(argument)
        if found is not None:
            return found
    return None
