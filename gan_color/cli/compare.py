"""gan-color compare."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.cli.metric_options import (
    OFF,
    AlexnetOption,
    FrechetArgsOption,
    FrechetDropOption,
    FrechetOption,
    FrechetWeightsOption,
    InceptionOption,
    ProtocolOption,
    find_judges,
)


def compare(
    models: Annotated[str, typer.Option(help="Model files or folders of runs: a,b,c.")],
    data: Annotated[Path, typer.Option("--data", "-d", help="A folder of colour photographs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page that is written.")],
    turing: Annotated[
        Path | None, typer.Option(help="Also write a blind test here: real or coloured?")
    ] = None,
    shown: Annotated[int, typer.Option(help="Photographs on the pages.", min=1)] = 12,
    protocol: ProtocolOption = "imagenet5k-crop",
    inception: InceptionOption = OFF,
    alexnet: AlexnetOption = OFF,
    frechet: FrechetOption = None,
    frechet_weights: FrechetWeightsOption = "pretrained",
    frechet_args: FrechetArgsOption = "{}",
    frechet_drop: FrechetDropOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Put models side by side: figures, pictures, seconds a picture, a blind test.

    gan-color compare --models runs/zhang16,runs/beta --data val/ -o report.html
    gan-color compare --models a.safetensors,b.safetensors --data val/ -o report.html \\
        --turing blind.html --shown 24
    """
    from gan_color.distributed import choose_device
    from gan_color.evaluation.comparison import compare as measure
    from gan_color.evaluation.comparison import model_files
    from gan_color.evaluation.protocols import Protocol

    judges = find_judges(inception, alexnet, frechet, frechet_weights, frechet_args, frechet_drop)
    place, chosen = choose_device(device), Protocol(protocol)
    found = measure(model_files(models), data, chosen, judges, place, shown, turing)
    found.write_page(output)
    typer.echo(found.table())
    typer.echo(f"page: {output}" + (f"\nblind test: {turing}" if turing else ""), err=True)
