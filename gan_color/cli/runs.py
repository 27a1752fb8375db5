"""gan-color runs and compare-runs."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.output_file import output_file


def runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs are.")] = Path("runs"),
) -> None:
    """List local runs: how far each is, and its best figures.

    gan-color runs
    """
    from gan_color.training.report.runs import BEST, list_runs

    names = "".join(f"{name:>14}" for name in BEST)
    typer.echo(f"{'run':<28}{'state':<11}{'stage':<18}{'images':>10}{names}")
    for run in list_runs(folder):
        best = "".join(f"{run.best[n]:>14.3f}" if n in run.best else f"{'–':>14}" for n in BEST)
        typer.echo(f"{run.folder.name:<28}{run.state:<11}{run.stage:<18}{run.images:>10,}{best}")
        if run.best_snapshot:
            found = run.best_snapshot
            typer.echo(f"{'':<39}best snapshot: {found['stage']} {found['images']:,}")


def compare_runs(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=output_file, help="The page to write.")
    ] = Path("runs/compare.html"),
) -> None:
    """Plot runs over each other, and list where their configurations differ.

    gan-color compare-runs runs/a runs/b -o compare.html
    """
    from gan_color.training.report.runs import compare_runs

    compare_runs(folders, output)
    typer.echo(f"look at: {output}")
