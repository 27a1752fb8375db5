"""The table of colorizers: name -> "module:Class", imported when asked for."""

import difflib
import importlib
from typing import Any

from pydantic import ValidationError

from gan_color.errors import GanColorError
from gan_color.models.base import Batch, Colorizer, ModelOptions
from gan_color.options import explain

TABLE = {
    "unet": "gan_color.models.unet:UNet",
    "zhang16": "gan_color.models.zhang16:Zhang16",
    "zhang16_regression": "gan_color.models.zhang16:Zhang16Regression",
    "iizuka16": "gan_color.models.iizuka16:Iizuka16",
    "koalarization": "gan_color.models.koalarization:Koalarization",
    "colornet": "gan_color.models.colornet:ColorNet",
    "alpha": "gan_color.models.autoencoder:AlphaAutoencoder",
    "beta": "gan_color.models.autoencoder:BetaAutoencoder",
    "wallner_gan": "gan_color.models.wallner_gan:WallnerGan",
    "pix2pix": "gan_color.models.pix2pix:Pix2Pix",
    "pix2pixhd": "gan_color.models.pix2pixhd:Pix2PixHD",
    "ddcolor": "gan_color.models.ddcolor:DDColor",
}

__all__ = ["Batch", "Colorizer", "ModelOptions", "create", "model_class", "names", "parse_options"]


def names() -> list[str]:
    """Every registered model."""
    return list(TABLE)


def model_class(name: str) -> type[Colorizer]:
    """The class behind a name; GanColorError with the closest known name for an unknown one."""
    if name not in TABLE:
        close = difflib.get_close_matches(name, TABLE, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise GanColorError(f"model: found {name!r}, expected one of {', '.join(TABLE)}{hint}")
    module, attribute = TABLE[name].split(":")
    found: type[Colorizer] = getattr(importlib.import_module(module), attribute)
    return found


def parse_options(name: str, options: dict[str, Any]) -> ModelOptions:
    """Validate the options of a model; raises pydantic's ValidationError for bad ones."""
    return model_class(name).Options(**options)


def create(name: str, **options: Any) -> Colorizer:
    """Build a model by name: create("unet", preset="small", encoder_weights="none")."""
    try:
        parsed = parse_options(name, options)
    except ValidationError as error:
        raise GanColorError(explain(error, model_class(name).Options, "model")) from None
    return model_class(name)(parsed)
