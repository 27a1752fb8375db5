"""gan-color runs and compare-runs."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import app


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs are.")] = Path("runs"),
) -> None:
    """List local runs: how far each is, and its best figures.

    gan-color runs
    """
    from gan_color.training.runs import BEST, list_runs

    names = "".join(f"{name:>14}" for name in BEST)
    typer.echo(f"{'run':<28}{'state':<11}{'stage':<18}{'images':>10}{names}")
    for run in list_runs(folder):
        best = "".join(f"{run.best[n]:>14.3f}" if n in run.best else f"{'–':>14}" for n in BEST)
        typer.echo(f"{run.folder.name:<28}{run.state:<11}{run.stage:<18}{run.images:>10,}{best}")
        if run.chosen:
            typer.echo(f"{'':<39}chosen: {run.chosen['stage']} {run.chosen['images']:,}")


@app.command("compare-runs")
def compare_runs(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path(
        "runs/compare.html"
    ),
) -> None:
    """Plot runs over each other, and list where their configurations differ.

    gan-color compare-runs runs/a runs/b -o compare.html
    """
    from gan_color.training.runs import compare

    compare(folders, output)
    typer.echo(f"look at: {output}")


@app.command("study-inflection")
def study_inflection(
    folders: Annotated[list[Path], typer.Argument(help="Watched runs that kept every snapshot.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
) -> None:
    """Compare the inflection rule's pick with the best of all snapshots, on unseen pictures.

    gan-color study-inflection runs/seed0 runs/seed1 runs/seed2
    """
    import json

    from gan_color.files import write_text
    from gan_color.training.study import study_run

    rows = []
    for folder in folders:
        rows.append(study_run(folder))
        row = rows[-1]
        typer.echo(
            f"{row['run']}: before {row['before_score']:.3f}; picked {row['picked']:,} images "
            f"{row['picked_score']:.3f}; best {row['best']:,} images {row['best_score']:.3f}; "
            f"difference {row['difference']:.3f}, noise {row['noise']:.3f}: "
            f"{'within' if row['within_noise'] else 'beyond'} noise"
        )
    held = sum(row["within_noise"] for row in rows)
    typer.echo(f"within noise: {held} of {len(rows)} runs")
    if json_file is not None:
        write_text(json_file, json.dumps(rows, indent=1))
