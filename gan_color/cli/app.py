"""The options that commands share, and how a command line runs."""

import inspect
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gan_color.errors import GanColorError

if TYPE_CHECKING:
    from rich.progress import Progress


def _recipe(name: str | Path) -> Path:
    from gan_color.config.yaml_file import find_recipe

    return find_recipe(str(name))  # a default comes as a path


RECIPE = typer.Option(
    "--config",
    "-c",
    parser=_recipe,
    metavar="NAME|FILE",
    help="A recipe of this package by name, such as demo, or a YAML file.",
)
ConfigOption = Annotated[Path | None, RECIPE]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. stages.gan.lr=1e-5."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]

# typer carries a private copy of click; this is its base of all usage errors.
_UsageError: Any = typer.BadParameter.__mro__[2]


def wait_passively() -> None:
    """Let threads of OpenMP sleep while they wait, unless the environment says otherwise.

    Called before torch is imported. By default they spin, and beside another program on two cores a
    photo of 12 megapixels took 138 s instead of 23 s.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_commands(
    name: str, help_text: str, commands: list[Callable[..., None]], arguments: list[str] | None
) -> None:
    """Run the command that the arguments name, and exit; a user's mistake is one line and code 2.

    A command is called like its function, with dashes.
    """
    app = typer.Typer(
        name=name,
        help=help_text,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in commands:
        app.command(help=_help(command))(command)

    @app.callback(invoke_without_command=True)
    def whole(
        context: typer.Context,
        show_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    ) -> None:
        if show_version:
            typer.echo(f"{name} {version('gan-color')}")
        elif context.invoked_subcommand is None:
            names = ", ".join(each.__name__.replace("_", "-") for each in commands)
            typer.echo(f"{help_text}\n\nCommands: {names}\n")
            typer.echo(f"{name} COMMAND -h shows a command's options and examples.")
        else:
            return
        raise typer.Exit

    try:
        code = app(args=arguments, prog_name=name, standalone_mode=False)
    except GanColorError as error:
        sys.exit(_fail(name, str(error)))
    except _UsageError as error:
        sys.exit(_fail(name, error.format_message()))
    except OSError as error:  # a disk that is full, a folder that may not be written to
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_fail(name, f"{where}{error.strerror or error}"))
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write(f"{name}: interrupted\n")
        sys.exit(130)
    sys.exit(code or 0)


def _help(command: Callable[..., None]) -> str:
    """The docstring, whose examples stay lines: paragraphs of commands are not wrapped."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    programs = ("gan-color ", "python ", "make ")
    return "\n\n".join(f"\b\n{text}" if text.startswith(programs) else text for text in paragraphs)


def progress_bar() -> "Progress":
    """A bar on standard error that says how many are done, and when all will be."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from gan_color.console import console

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


def _fail(name: str, message: str) -> int:
    sys.stderr.write(f"{name}: {' '.join(message.split())}\n")
    return 2
