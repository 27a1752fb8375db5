"""The configuration of stages: what is trained, for how long, and when to stop."""

from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from gan_color.errors import GanColorError
from gan_color.losses.gan import Objective
from gan_color.options import Count, Positive, Share, Strict, Weight


class PerceptualConfig(Strict):
    """Perceptual loss: vgg16_bn (torchvision) or any timm backbone."""

    weight: Weight
    backbone: str = "vgg16_bn"
    weights: str = Field("pretrained", description="pretrained | a .safetensors file's path")
    args: dict[str, bool | int | float | str] = Field({}, description="of timm.create_model")
    drop: tuple[str, ...] = ()
    layers: tuple[Annotated[int, Field(ge=0, le=43)], ...] = Field(
        (22, 32, 42), description="vgg16_bn's layers that are read; before poolings 3 to 5"
    )
    layer_weights: tuple[Weight, ...] = Field(
        (), description="of the maps, shallow to deep; none: doubling, of sum 1"
    )


class SpaceConfig(Strict):
    """A feature space for Frechet distances: a timm backbone's pooled features at one stride."""

    backbone: str
    weights: str = Field("pretrained", description="pretrained | a .safetensors file's path")
    args: dict[str, bool | int | float | str] = Field({}, description="of timm.create_model")
    drop: tuple[str, ...] = ()
    stride: Count = 16


class InflectionConfig(Strict):
    """When an adversarial stage has given what it can: gan_color.training.early_stopping."""

    every: Count = Field(description="images between judgements; a checkpoint each")
    pictures: Count = Field(128, description="validation pictures judged")
    size: Annotated[int, Field(ge=32, le=1024)] | None = Field(None, description="null: stage's")
    patience: Count = Field(4, description="judgements without gain before the stage stops")
    minimum_gain: Weight = Field(0.01, description="of the score, which starts near 2")
    colorfulness_weight: Weight = Field(1.0, description="of |1 - CF / truth's CF| in the score")
    skin_chroma: Positive = Field(6.0, description="most that skin's chroma may exceed the truth's")
    skin_hue: Positive = Field(8.0, description="most degrees that skin may turn towards orange")
    stop: bool = Field(True, description="false: train to the end, then roll back")
    space: SpaceConfig | None = Field(None, description="null: the model's own pretrained encoder")


class AugmentConfig(Strict):
    """Random changes of a training crop."""

    scale: tuple[Share, Share] = Field((0.35, 1.0), description="share of the picture's area")
    ratio: tuple[Positive, Positive] = Field((0.75, 1.3333), description="width / height")
    flip: Share = 0.5
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(0.0, description="most degrees")
    brightness: Share = 0.0
    contrast: Share = 0.0
    degrade: Share = Field(
        0.0, description="share of items whose L is aged: film, blur, grain, JPEG"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("scale", "ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: found [{low}, {high}], expected 0 < low <= high")
        return self


def count_or_auto(value: object) -> int | Literal["auto"]:
    """A whole number above 0, or auto; one sentence for anything else."""
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError(f"found {value!r}, expected a whole number above 0, or auto")


class _Stage(Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    images: Count
    size: Annotated[int, Field(ge=16, le=2048)]
    batch: Annotated[int | Literal["auto"], PlainValidator(count_or_auto)] = Field(
        description="images per update, over all ranks and accumulated parts; auto: what fits"
    )
    accumulate: Count = Field(1, description="parts a batch is computed in, to save memory")
    lr: Positive
    schedule: Literal["one_cycle", "constant", "linear", "steps"] = "one_cycle"
    pct_start: Share = Field(0.25, description="share of the stage the rate rises for (one_cycle)")
    hold: Share = Field(0.5, description="share of the stage before the rate falls to 0 (linear)")
    milestones: tuple[Share, ...] = Field(
        (), description="shares of the stage at which the rate is multiplied by `factor` (steps)"
    )
    factor: Share = 0.5
    betas: tuple[Share, Share] = Field(
        (0.9, 0.99), description="of Adam; adadelta and rmsprop average squares with the second"
    )
    weight_decay: Weight = 0.01
    clip: Weight = Field(1.0, description="largest gradient norm; 0: none")
    mean_of: tuple[str, ...] = Field(
        (), description="earlier stages; the generator starts as the mean of how they ended"
    )
    augment: AugmentConfig | None = Field(None, description="null: data.augment")

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch != "auto" and self.batch % self.accumulate:
            raise ValueError(
                f"accumulate: found {self.accumulate}, expected a divisor of batch = {self.batch}"
            )
        return self

    @property
    def images_per_batch(self) -> int:
        """The batch size as a number; the trainer has put one in the place of auto."""
        if self.batch == "auto":
            raise GanColorError(f"stages.{self.name}.batch: found auto, expected a number by now")
        return self.batch


class _GeneratorStage(_Stage):
    optimizer: Literal["adamw", "adam", "adadelta", "rmsprop"] = Field(
        "adamw", description="of the generator; discriminators always have adamw"
    )
    freeze_encoder: bool = False
    freeze_norm: bool = Field(False, description="BatchNorm keeps its running statistics")
    encoder_lr: Share = Field(1.0, description="rate of the first layers, as a share of lr")
    average_half_life: Positive | None = Field(
        None, description="of the EMA in this stage, in images; null: run.average_half_life"
    )
    perceptual: PerceptualConfig | None = None
    colorfulness: Weight = Field(0.0, description="weight of the colourfulness loss")
    psnr: Weight = Field(0.0, description="weight of the PSNR loss")
    color_difference: Weight = Field(0.0, description="weight of the mean CIE94 difference")
    own: Weight = Field(1.0, description="weight of the model's own losses in this stage")


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
    inflection: InflectionConfig | None = Field(None, description="null: train to the end")
    repeat: Count = Field(1, description="cycles of the discriminator stage before it and this one")
    catch_up: Weight = Field(
        0.0, description="the generator waits while the discriminator loss is above this; 0: never"
    )


Stage = Annotated[
    SupervisedStage | DiscriminatorStage | AdversarialStage, Field(discriminator="kind")
]
