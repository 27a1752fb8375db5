"""gan-color models."""

import json
from typing import Annotated

import typer


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """List the colorizers: name, parameters, cost at 256 x 256, paper, what a training needs.

    gan-color models --json
    """
    from gan_color.models.summary import describe_models

    rows = describe_models()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        parameters = f"{row['parameters'] / 1e6:.1f} M"
        typer.echo(
            f"{row['name']:<24}{parameters:>9}{row['gflops_256']:>8.1f} GFLOP  {row['paper']}; "
            f"needs {row['needs']}"
        )
