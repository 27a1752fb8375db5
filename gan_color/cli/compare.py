"""gan-color compare."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.cli.metric_options import (
    OFF,
    FidWeightsOption,
    FrechetKwargsOption,
    FrechetOption,
    FrechetRemoveOption,
    FrechetWeightsOption,
    KeepGrayOption,
    LpipsWeightsOption,
    ProtocolOption,
    SecondFrechetOption,
    create_metric_networks,
)
from gan_color.cli.output_file import output_file


def compare(
    model: Annotated[
        list[str],
        typer.Option("--model", "-m", help="A model file, a name, or a run's folder; repeatable."),
    ],
    data: Annotated[Path, typer.Option("--data", "-d", help="A folder of color photographs.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=output_file, help="The page that is written.")
    ],
    turing: Annotated[
        Path | None,
        typer.Option(parser=output_file, help="Also write a blind test here: real or colorized?"),
    ] = None,
    num_images: Annotated[int, typer.Option(help="Photographs on the pages.", min=1)] = 12,
    protocol: ProtocolOption = "imagenet5k-crop",
    keep_gray: KeepGrayOption = False,
    fid_weights: FidWeightsOption = OFF,
    lpips_weights: LpipsWeightsOption = OFF,
    frechet: FrechetOption = None,
    frechet_weights: FrechetWeightsOption = "pretrained",
    frechet_kwargs: FrechetKwargsOption = "{}",
    frechet_remove_modules: FrechetRemoveOption = None,
    second_frechet: SecondFrechetOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Put models side by side: metrics, images, seconds per image, a blind test.

    gan-color compare --model runs/zhang16 --model runs/beta --data val/ -o report.html
    gan-color compare --model a.safetensors --model b.safetensors --data val/ -o report.html \\
        --turing blind.html --num-images 24
    """
    from gan_color.distributed import choose_device
    from gan_color.evaluation.comparison import compare as measure
    from gan_color.evaluation.comparison import model_files
    from gan_color.evaluation.protocols import EvalProtocol
    from gan_color.evaluation.report import describe_images

    networks = create_metric_networks(
        fid_weights,
        lpips_weights,
        frechet,
        frechet_weights,
        frechet_kwargs,
        frechet_remove_modules,
        second_frechet,
    )
    place, chosen = choose_device(device), EvalProtocol(protocol, keep_gray=keep_gray)
    found = measure(model_files(model), data, chosen, networks, place, num_images, turing)
    found.write_page(output)
    typer.echo(describe_images(found.results[0].figures))
    typer.echo(found.table())
    typer.echo(f"page: {output}" + (f"\nblind test: {turing}" if turing else ""), err=True)
