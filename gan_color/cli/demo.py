"""gan-color demo."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import app


@app.command()
def demo(
    config: Annotated[Path, typer.Option("--config", "-c", help="What to train.")] = Path(
        "configs/demo.yml"
    ),
) -> None:
    """Train on photographs that ship with installed packages, then colour two others."""
    from gan_color.config import load
    from gan_color.console import console
    from gan_color.demo import run_demo

    report = run_demo(load(config))
    console.print(f"look at: {report}")
