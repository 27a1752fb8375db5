"""What evaluate and compare share: the options of judging, and the networks that judge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gan_color.errors import GanColorError

if TYPE_CHECKING:
    from gan_color.evaluation.per_image import Judges

OFF = "off"

ProtocolOption = Annotated[str, typer.Option(help="imagenet5k-crop, stretch256 or native.")]

InceptionOption = Annotated[
    str | None, typer.Option(help="FID and KID's weights: a path, or 'off'.", metavar="PATH")
]
AlexnetOption = Annotated[
    str | None, typer.Option(help="LPIPS' weights: a path, or 'off'.", metavar="PATH")
]
FrechetOption = Annotated[
    str | None,
    typer.Option(help="Also take distances in this timm backbone's features (not FID)."),
]
FrechetWeightsOption = Annotated[
    str, typer.Option(help="'pretrained', or a .safetensors file's path.")
]
FrechetArgsOption = Annotated[
    str, typer.Option(help="Arguments of the backbone, as YAML: '{bn_eps: 0.001}'.")
]
FrechetDropOption = Annotated[
    list[str] | None, typer.Option(help="A submodule that the weights file lacks.")
]


def find_judges(
    inception: str | None,
    alexnet: str | None,
    frechet: str | None,
    frechet_weights: str,
    frechet_args: str,
    frechet_drop: list[str] | None,
) -> "Judges":
    """The networks that can be had. One that was asked for must be there; else a reason is kept."""
    import yaml

    from gan_color.evaluation.feature_extractors import (
        BackboneSpace,
        InceptionSpace,
        Lpips,
        load_inception,
    )
    from gan_color.evaluation.per_image import Judges

    judges = Judges()
    if inception == OFF:
        judges.missing |= dict.fromkeys(("fid", "fid_clean", "kid"), "--inception off")
    else:
        try:
            network = load_inception(Path(inception) if inception else None)
            judges.spaces.append(InceptionSpace(network, "tensorflow"))
            judges.spaces.append(InceptionSpace(network, "clean"))
        except GanColorError as error:
            if inception:
                raise
            judges.missing |= dict.fromkeys(("fid", "fid_clean", "kid"), str(error))
    if alexnet == OFF:
        judges.missing["lpips"] = "--alexnet off"
    else:
        try:
            judges.lpips = Lpips(Path(alexnet) if alexnet else None)
        except GanColorError as error:
            if alexnet:
                raise
            judges.missing["lpips"] = str(error)
    if frechet is None:
        judges.missing |= dict.fromkeys(("frechet", "kernel"), "--frechet names no backbone")
    else:
        try:
            arguments = yaml.safe_load(frechet_args)
        except yaml.YAMLError:
            arguments = None
        if not isinstance(arguments, dict):
            raise GanColorError(f"--frechet-args: found {frechet_args!r}, expected a YAML mapping")
        judges.spaces.append(
            BackboneSpace(
                frechet, frechet_weights, arguments=arguments, drop=tuple(frechet_drop or ())
            )
        )
    return judges
