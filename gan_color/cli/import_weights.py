"""gan-color import-weights."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.output_file import output_file


def import_weights(
    source: Annotated[
        str,
        typer.Argument(
            help="eccv16, siggraph17, siggraph17_retrained, ddcolor, deoldify or pix2pix."
        ),
    ],
    file: Annotated[Path, typer.Argument(help="The file as its authors publish it.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", parser=output_file, help="The model file that is written."),
    ],
) -> None:
    """Turn weights that others published into a model file of this package.

    gan-color import-weights ddcolor ddcolor_paper_tiny.pth -o ddcolor-tiny.safetensors
    gan-color import-weights deoldify ColorizeStable_gen.pth -o deoldify-stable.safetensors
    """
    from gan_color.hub.import_weights import import_weights as convert

    record = convert(source, file, output)
    typer.echo(f"{output}: the weights of {record['file']} (SHA-256 {record['sha256'][:12]}...)")
    typer.echo(f"from: {record['source']}\nterms: {record['terms']}")
