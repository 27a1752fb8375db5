"""The command gan-color. Each command imports what it needs when it runs, so that --help is quick.

A mistake is one line on standard error and exit code 2.
"""

import sys
from typing import Any

import typer

# They register themselves, in the order --help lists them.
# isort: off
from gan_color.cli import (  # noqa: F401
    demo,
    colorize,
    serve,
    train,
    runs,
    evaluate,
    compare,
    calibrate,
    export,
    models,
    plan,
    bench,
)

# isort: on
from gan_color.cli.app import app
from gan_color.errors import GanColorError

# typer carries a private copy of click; this is its base of all usage errors.
_UsageError: Any = typer.BadParameter.__mro__[2]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every mistake of the user's ends as one line and exit code 2."""
    try:
        code = app(args=arguments, prog_name="gan-color", standalone_mode=False)
    except GanColorError as error:
        sys.exit(_fail(str(error)))
    except _UsageError as error:
        sys.exit(_fail(error.format_message()))
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("gan-color: interrupted\n")
        sys.exit(130)
    sys.exit(code or 0)


def _fail(message: str) -> int:
    sys.stderr.write(f"gan-color: {' '.join(message.split())}\n")
    return 2
