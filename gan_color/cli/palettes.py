"""gan-color palettes."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.cli.output_file import output_file
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import find_model


def palettes(
    model: Annotated[
        Path, typer.Argument(parser=find_model, help="A model.safetensors file that takes hints.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=output_file, help="The model file to write.")
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", help="Color photographs, such as it was trained on.")
    ],
    num_images: Annotated[int, typer.Option(help="Of them, evenly chosen.", min=8)] = 2000,
    size: Annotated[int, typer.Option(help="Side of their center squares.", min=16)] = 256,
    device: DeviceOption = "auto",
) -> None:
    """Give a model that takes hints the palettes that several answers are drawn from.

    gan-color palettes runs/hints/model.safetensors -o with-palettes.safetensors --data DIR
    """
    from rich.progress import track

    from gan_color.console import console
    from gan_color.distributed import choose_device
    from gan_color.evaluation.palettes import fit_palettes
    from gan_color.hub.model_file import load_model, save_palettes
    from gan_color.images.files import find_images, spread

    if output.exists() and output.samefile(model):
        raise GanColorError(f"palettes: {output} is the model itself, expected another place")
    chosen = spread(find_images(data), num_images)
    loaded = load_model(model).to(choose_device(device))
    bank = fit_palettes(loaded, track(chosen, "reading", console=console), size)
    record = {"images": len(chosen), "size": size, "contents": len(bank.contents)}
    save_palettes(model, output, bank, record)
    count = bank.shares.shape[1]
    typer.echo(f"{output}: {count} palettes for each of {len(bank.contents)} contents")
