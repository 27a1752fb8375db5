"""The application that commands register with, and the options they share."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="gan-color",
    help="Train, run and compare photo colorizers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="The run's YAML file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. stages.gan.lr=1e-5."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]
