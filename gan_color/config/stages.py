"""The configuration of stages: what is trained, for how long, and when to stop."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, field_validator, model_validator

from gan_color.config.transforms import check_transforms
from gan_color.errors import GanColorError
from gan_color.losses.gan import GanMode
from gan_color.options import Count, Positive, Share, Strict, Weight, WeightsPath

# How much of a running mean is kept: all of it would be no mean.
Beta = Annotated[float, Field(ge=0, lt=1)]


class PerceptualConfig(Strict):
    """Perceptual loss: vgg16_bn (torchvision) or any timm backbone."""

    weight: Weight
    backbone: str = "vgg16_bn"
    weights: WeightsPath = Field(
        "pretrained", description="pretrained | a .safetensors file's path"
    )
    kwargs: dict[str, bool | int | float | str] = Field({}, description="of timm.create_model")
    remove_modules: tuple[str, ...] = ()
    layers: tuple[Annotated[int, Field(ge=0, le=43)], ...] = Field(
        (22, 32, 42), description="vgg16_bn's layers that are read; before poolings 3 to 5"
    )
    layer_weights: tuple[Weight, ...] = Field(
        (), description="of the maps, shallow to deep; none: doubling, of sum 1"
    )


class FeatureExtractorConfig(Strict):
    """A feature space for Frechet distances: a timm backbone's pooled features at one stride."""

    backbone: str
    weights: WeightsPath = Field(
        "pretrained", description="pretrained | a .safetensors file's path"
    )
    kwargs: dict[str, bool | int | float | str] = Field({}, description="of timm.create_model")
    remove_modules: tuple[str, ...] = ()
    stride: Count = 16


class EarlyStoppingConfig(Strict):
    """When an adversarial stage has given what it can: gan_color.training.early_stopping."""

    eval_every: Count = Field(description="images between evaluations; a checkpoint each")
    num_images: Count = Field(128, description="validation images evaluated")
    size: Annotated[int, Field(ge=32, le=1024)] | None = Field(None, description="null: stage's")
    patience: Count = Field(4, description="evaluations without gain before the stage stops")
    min_delta: Weight = Field(0.01, description="of the score, which starts near 2")
    colorfulness_weight: Weight = Field(1.0, description="of |1 - CF / truth's CF| in the score")
    max_skin_chroma: Positive = Field(
        6.0, description="most that skin's chroma may exceed the truth's"
    )
    max_skin_hue: Positive = Field(8.0, description="most degrees that skin may turn toward orange")
    stop_early: bool = Field(True, description="false: train to the end, then roll back")
    feature_extractor: FeatureExtractorConfig | None = Field(
        None, description="null: the model's own pretrained encoder"
    )


class AugmentConfig(Strict):
    """Random changes of a training crop."""

    scale: tuple[Share, Share] = Field((0.35, 1.0), description="share of the image's area")
    ratio: tuple[Positive, Positive] = Field((0.75, 1.3333), description="width / height")
    flip: Share = 0.5
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(0.0, description="most degrees")
    brightness: Share = 0.0
    contrast: Share = 0.0
    degradation: Share = Field(
        0.0, description="share of items whose L is aged: film, blur, grain, JPEG"
    )
    transforms: tuple[dict[str, Any], ...] = Field(
        (), description="of albumentations, as A.to_dict writes each; after the crop"
    )

    @field_validator("transforms")
    @classmethod
    def _transforms_work(cls, written: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        check_transforms(written)
        return written

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("scale", "ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: found [{low}, {high}], expected 0 < low <= high")
        return self


class HintsConfig(Strict):
    """Hints that a stage gives the generator: gan_color.data.simulated_hints. The defaults are the
    paper's.
    """

    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="share of the crops that get any"
    )
    point_probability: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.125, description="of the geometric distribution of their number; its mean is 1 over this"
    )
    full_share: Share = Field(0.01, description="share of those whose every pixel is told")
    histogram_share: Share = Field(
        0.0, description="share of the crops told how their colors are distributed"
    )
    chroma_share: Share = Field(0.0, description="share of the crops told their mean chroma")
    lr_mult: Annotated[float, Field(ge=0.01, le=100)] = Field(
        1.0, description="rate of the layers that take hints over lr; they begin at 0"
    )
    only: bool = Field(
        False,
        description="train these layers alone: answers without hints stay as they are; supervised",
    )


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
    batch_size: Annotated[int | Literal["auto"], PlainValidator(count_or_auto)] = Field(
        description="images per update, over all ranks and accumulated parts; auto: what fits"
    )
    grad_accum_steps: Count = Field(1, description="parts a batch is computed in, to save memory")
    lr: Positive
    schedule: Literal["one_cycle", "constant", "linear", "steps"] = "one_cycle"
    pct_start: Share = Field(0.25, description="share of the stage the rate rises for (one_cycle)")
    hold_fraction: Share = Field(
        0.5, description="share of the stage before the rate falls to 0 (linear)"
    )
    milestones: tuple[Share, ...] = Field(
        (), description="shares of the stage at which the rate is multiplied by gamma (steps)"
    )
    gamma: Share = 0.5
    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.99), description="of Adam; adadelta and rmsprop average squares with the second"
    )
    weight_decay: Weight = Field(
        0.01, description="of weights, not of biases and norms; an adversarial stage's generator's"
    )
    clip_grad_norm: Weight = Field(1.0, description="largest gradient norm; 0: none")
    average_from: tuple[str, ...] = Field(
        (), description="earlier stages; the generator starts as the mean of how they ended"
    )
    augment: AugmentConfig | None = Field(None, description="null: data.augment")

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch_size != "auto" and self.batch_size % self.grad_accum_steps:
            raise ValueError(
                f"grad_accum_steps: found {self.grad_accum_steps}, expected a divisor of "
                f"batch_size = {self.batch_size}"
            )
        return self

    @property
    def images_per_batch(self) -> int:
        """The batch size as a number; the trainer has put one in the place of auto."""
        if self.batch_size == "auto":
            raise GanColorError(
                f"stages.{self.name}.batch_size: found auto, expected a number by now"
            )
        return self.batch_size


class _GeneratorStage(_Stage):
    optimizer: Literal["adamw", "adam", "adadelta", "rmsprop"] = Field(
        "adamw", description="of the generator; discriminators always have adamw"
    )
    freeze_encoder: bool = False
    freeze_norm: bool = Field(False, description="BatchNorm keeps its running statistics")
    encoder_lr_mult: Annotated[float, Field(ge=0.001, le=1)] = Field(
        1.0, description="rate of the first layers over lr: a factor, not a rate"
    )
    ema_half_life: Positive | None = Field(
        None, description="of the EMA in this stage, in images; null: run.ema_half_life"
    )
    hints: HintsConfig | None = Field(
        None, description="given from the truth, to a model that takes hints; null: none"
    )
    perceptual: PerceptualConfig | None = None
    colorfulness_weight: Weight = Field(0.0, description="weight of the colorfulness loss")
    psnr_weight: Weight = Field(0.0, description="weight of the PSNR loss")
    color_difference_weight: Weight = Field(0.0, description="weight of the mean CIE94 difference")
    model_loss_weight: Weight = Field(
        1.0, description="weight of the model's own losses in this stage"
    )


class SupervisedStage(_GeneratorStage):
    """The generator alone, on its own losses."""

    kind: Literal["supervised"]


class _Adversarial(_Stage):
    gan_mode: GanMode = Field(
        "lsgan",
        description="relativistic: each real patch against its fake; R3GAN, with R1 of both",
    )
    r1_weight: Weight = Field(
        0.0,
        description="of approximate R1: how far noise moves the logits, squared",
    )
    r1_sigma: Positive = Field(0.01, description="of that noise on ab; 0.01 is 1.1 units of a*, b*")
    r1_on_fakes: bool = Field(False, description="approximate R1 on fakes too")
    discriminator_translation: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, description="share of a side by which discriminators see [L, ab] moved at most"
    )


class DiscriminatorStage(_Adversarial):
    """The discriminators alone, on the generator's own fakes."""

    kind: Literal["discriminator"]
    weight_decay: Weight = Field(
        0.0, description="none: spectral norm makes the scale of a weight meaningless"
    )


class AdversarialStage(_GeneratorStage, _Adversarial):
    """Generator against discriminators."""

    kind: Literal["adversarial"]
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    adversarial_weight: Weight = Field(1.0, description="weight of the adversarial loss")
    feature_matching_weight: Weight = 10.0
    discriminator_lr_mult: Annotated[float, Field(ge=0.01, le=100)] = Field(
        2.0, description="the discriminators' rate over lr (TTUR): a factor, not a rate"
    )
    apa_target: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="mean sign of real logits above which fakes are shown as real; APA: 0.6"
    )
    apa_images: Count = Field(
        2000, description="images in which that probability rises by 1 at most"
    )
    early_stopping: EarlyStoppingConfig | None = Field(None, description="null: train to the end")
    cycles: Count = Field(1, description="cycles of the discriminator stage before it and this one")
    generator_update_threshold: Weight = Field(
        0.0, description="the generator waits while the discriminator loss is above this; 0: never"
    )

    @model_validator(mode="after")
    def _a_sign_of_its_own(self) -> Self:
        if self.apa_target is not None and self.gan_mode == "relativistic":
            raise ValueError(
                "apa_target: found it with gan_mode: relativistic, expected another mode, or null: "
                "logits that are compared in pairs have no sign of their own"
            )
        return self

    @model_validator(mode="after")
    def _hints_are_not_all(self) -> Self:
        if self.hints and self.hints.only:
            raise ValueError("hints.only: found true, expected it in a supervised stage")
        return self


Stage = Annotated[
    SupervisedStage | DiscriminatorStage | AdversarialStage, Field(discriminator="kind")
]
