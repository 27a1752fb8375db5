"""Options that models with a pretrained timm encoder share."""

from typing import Self

from pydantic import Field

from gan_color.models.base import ModelOptions
from gan_color.options import WeightsPath


class EncoderOptions(ModelOptions):
    """Options of a model with a pretrained timm encoder; which one, each model says itself."""

    encoder_weights: WeightsPath = Field(
        "pretrained", description="pretrained | none | a file's path"
    )
    encoder_kwargs: dict[str, bool | int | float | str] = Field(
        {}, description="passed to timm.create_model"
    )
    encoder_remove_modules: tuple[str, ...] = Field(
        (), description="submodules replaced by the identity"
    )

    def for_inference(self) -> Self:
        return self.model_copy(update={"encoder_weights": "none"})
