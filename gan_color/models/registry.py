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
    "siggraph17": "gan_color.models.siggraph17:Siggraph17",
    "deoldify": "gan_color.models.deoldify.generator:DeOldify",
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


def create(name: str, *, pretrained: bool | None = None, **options: Any) -> Colorizer:
    """Build a model by name: create("unet", preset="small", pretrained=False).

    `pretrained` is timm's: True takes the published weights of the part that has such (the encoder
    or classifier), False random ones, None what the options say. The model itself is untrained
    either way; gan_color.load gives a trained one.
    Raises GanColorError for an unknown model, bad options, or weights that nobody published.
    """
    if pretrained is not None:
        options = _with_pretrained(name, pretrained, options)
    try:
        parsed = parse_options(name, options)
    except ValidationError as error:
        raise GanColorError(explain(error, model_class(name).Options, "model")) from None
    return model_class(name)(parsed)


def _with_pretrained(name: str, pretrained: object, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with the one that says where a part's weights come from."""
    if not isinstance(pretrained, bool):
        raise GanColorError(f"model: pretrained: found {pretrained!r}, expected True or False")
    fields = model_class(name).Options.model_fields
    key = next((key for key, field in fields.items() if field.default == "pretrained"), None)
    if key is None:
        if not pretrained:  # as it is already
            return options
        way = "; set weights to the path of its authors' file" if "weights" in fields else ""
        raise GanColorError(
            f"model: found pretrained=True, but {name!r} has no part with weights to download; "
            f"leave it out, or set it to False{way}"
        )
    if key in options:
        raise GanColorError(
            f"model: found pretrained={pretrained} and {key}={options[key]!r}, expected one of the "
            "two; leave one out"
        )
    return {**options, key: "pretrained" if pretrained else "none"}
