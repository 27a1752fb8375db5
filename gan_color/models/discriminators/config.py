"""What a configuration's `discriminator` section may say."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gan_color.models.discriminators.feature_critic import FeatureCriticConfig
from gan_color.options import Count, Share, Strict

DiscriminatorNorm = Literal["spectral", "instance", "batch", "none"]
DiscriminatorInit = Literal["default", "normal_0.02"]

Padding = Literal[1, 2, "same"]
MatchedFeatures = Literal["activated", "linear"]


class DiscriminatorConfig(Strict):
    """Patch discriminators, or DeOldify's critic (gan_color.models.discriminators)."""

    kind: Literal["patch", "critic"] = "patch"
    base_channels: Count = Field(64, description="channels of the first layer")
    num_discriminators: int = Field(3, ge=1, le=5)
    num_layers: int = Field(3, ge=1, le=6)
    norm: DiscriminatorNorm = "spectral"
    attention: bool = False
    padding: Padding = Field(2, description="1: pix2pix, 2: pix2pixHD, same: Keras'")
    pool: Literal[2, 3] = Field(3, description="side of the averages smaller scales are made of")
    matched_features: MatchedFeatures = Field(
        "activated", description="what feature matching reads: after the activation, or before it"
    )
    san: bool = Field(
        False, description="SAN: the last layer normalized, its direction taught by a loss alone"
    )
    init: DiscriminatorInit = Field(
        "default", description="PyTorch's, or pix2pix': N(0, 0.02), BatchNorm N(1, 0.02), no bias"
    )
    dropout: Share = Field(0.0, description="of the critic; DeOldify: 0.15")
    negative_slope: Share = Field(0.2, description="slope of the critic's LeakyReLU; 0: ReLU")
    features: FeatureCriticConfig | None = Field(
        None, description="one more critic, on frozen pretrained features, beside these"
    )

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> Self:
        of_others = {
            "patch": ("dropout", "negative_slope"),
            "critic": (
                "num_discriminators",
                "num_layers",
                "norm",
                "attention",
                "padding",
                "pool",
                "matched_features",
                "san",
                "init",
            ),
        }[self.kind]
        for name in of_others:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"discriminator.{name}: found {getattr(self, name)!r}, but kind: {self.kind} "
                    "has no such option"
                )
        if self.san and self.matched_features == "linear":
            raise ValueError(
                "discriminator.san: found true with matched_features: linear, expected activated: "
                "the direction is taught by what the last layer sees"
            )
        if self.init != "default" and self.norm == "spectral":
            raise ValueError(
                f"discriminator.init: found {self.init!r}, expected 'default', or another norm: "
                "spectral norm divides the scale of a weight out"
            )
        return self
