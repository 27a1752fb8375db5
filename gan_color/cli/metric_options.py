"""The metric options that evaluate and compare share, and the networks behind them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gan_color.errors import GanColorError

if TYPE_CHECKING:
    from gan_color.evaluation.feature_extractors import BackboneExtractor, ImageClassifier
    from gan_color.evaluation.per_image import MetricNetworks

OFF = "off"

ProtocolOption = Annotated[str, typer.Option(help="imagenet5k-crop, stretch256 or native.")]

KeepGrayOption = Annotated[
    bool, typer.Option("--keep-gray", help="Measure gray photographs too; else they are skipped.")
]

FidWeightsOption = Annotated[
    str | None, typer.Option(help="FID and KID's weights: a path, or 'off'.", metavar="PATH")
]
LpipsWeightsOption = Annotated[
    str | None, typer.Option(help="LPIPS' weights: a path, or 'off'.", metavar="PATH")
]
FrechetOption = Annotated[
    str | None,
    typer.Option(help="Also take distances in this timm backbone's features (not FID)."),
]
FrechetWeightsOption = Annotated[
    str, typer.Option(help="'pretrained', or a .safetensors file's path.")
]
FrechetKwargsOption = Annotated[
    str, typer.Option(help="Arguments of the backbone, as YAML: '{bn_eps: 0.001}'.")
]
FrechetRemoveOption = Annotated[
    list[str] | None, typer.Option(help="A submodule that the weights file lacks.")
]
SecondFrechetOption = Annotated[
    str | None,
    typer.Option(
        help="Distances in a second backbone's features, as YAML: '{backbone: resnet18}', with "
        "weights, kwargs, remove_modules and stride as in a recipe's feature_extractor.",
        metavar="YAML",
    ),
]

ClassifierOption = Annotated[
    str | None,
    typer.Option(
        help="Also the share that this classifier, timm's or torchvision/NAME, names as it names "
        "the truth."
    ),
]
ClassifierWeightsOption = Annotated[
    str, typer.Option(help="'pretrained', or a .safetensors file's path.")
]
ClassifierKwargsOption = Annotated[
    str, typer.Option(help="Arguments of the classifier, as YAML: '{bn_eps: 0.001}'.")
]


def create_metric_networks(
    fid_weights: str | None,
    lpips_weights: str | None,
    frechet: str | None,
    frechet_weights: str,
    frechet_kwargs: str,
    frechet_remove_modules: list[str] | None,
    second: str | None = None,
) -> "MetricNetworks":
    """The metric networks that can be had; one that was asked for must be."""
    from gan_color.evaluation.feature_extractors import (
        BackboneExtractor,
        InceptionExtractor,
        Lpips,
        load_inception,
    )
    from gan_color.evaluation.per_image import MetricNetworks

    networks = MetricNetworks()
    if fid_weights == OFF:
        networks.missing |= dict.fromkeys(("fid", "fid_clean", "kid"), "--fid-weights off")
    else:
        try:
            network = load_inception(Path(fid_weights) if fid_weights else None)
            networks.extractors.append(InceptionExtractor(network, "tensorflow"))
            networks.extractors.append(InceptionExtractor(network, "clean"))
        except GanColorError as error:
            if fid_weights:
                raise
            networks.missing |= dict.fromkeys(("fid", "fid_clean", "kid"), str(error))
    if lpips_weights == OFF:
        networks.missing["lpips"] = "--lpips-weights off"
    else:
        try:
            networks.lpips = Lpips(Path(lpips_weights) if lpips_weights else None)
        except GanColorError as error:
            if lpips_weights:
                raise
            networks.missing["lpips"] = str(error)
    if frechet is None:
        networks.missing |= dict.fromkeys(("frechet", "kernel"), "--frechet names no backbone")
    else:
        arguments = _mapping(frechet_kwargs, "--frechet-kwargs")
        networks.extractors.append(
            BackboneExtractor(
                frechet,
                frechet_weights,
                arguments=arguments,
                drop=tuple(frechet_remove_modules or ()),
            )
        )
    if second is None:
        networks.missing |= dict.fromkeys(("frechet_2", "kernel_2"), "--second-frechet names none")
    else:
        networks.extractors.append(_second_extractor(second))
    return networks


def _second_extractor(text: str) -> "BackboneExtractor":
    from pydantic import ValidationError

    from gan_color.config.stages import FeatureExtractorConfig
    from gan_color.config.yaml_core import parse_yaml
    from gan_color.evaluation.feature_extractors import BackboneExtractor
    from gan_color.options import explain

    try:
        chosen = FeatureExtractorConfig.model_validate(parse_yaml(text, "--second-frechet"))
    except ValidationError as error:
        raise GanColorError(explain(error, FeatureExtractorConfig, "--second-frechet")) from None
    return BackboneExtractor(
        chosen.backbone,
        chosen.weights,
        chosen.stride,
        dict(chosen.kwargs),
        chosen.remove_modules,
        second=True,
    )


def create_classifier(name: str | None, weights: str, kwargs: str) -> "ImageClassifier | None":
    """The classifier that recolored photographs are shown to."""
    from gan_color.evaluation.feature_extractors import ImageClassifier

    if name is None:
        return None
    return ImageClassifier(name, weights, _mapping(kwargs, "--classifier-kwargs"))


def _mapping(text: str, option: str) -> dict[str, Any]:
    from gan_color.config.yaml_core import parse_yaml

    found = parse_yaml(text, option)
    if not isinstance(found, dict):
        raise GanColorError(f"{option}: found {text!r}, expected a YAML mapping")
    return found
