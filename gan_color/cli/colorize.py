"""gan-color colorize, models and demo."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption, app


@app.command()
def colorize(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A file, or a folder.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="A model.safetensors file.")],
    render: Annotated[int, typer.Option(help="Shorter side the model works at, in pixels.")] = 256,
    device: DeviceOption = "auto",
) -> None:
    """Colour photos. The originals are never changed; the output follows their format.

    gan-color colorize old.jpg -o coloured.jpg --model runs/demo/model.safetensors
    gan-color colorize album/ -o coloured/ --model runs/demo/model.safetensors --render 384
    """
    from rich.progress import track

    from gan_color.console import console
    from gan_color.device import choose_device
    from gan_color.export import load_model
    from gan_color.jobs import colorize_jobs, plan_jobs
    from gan_color.pipeline import ColorizeOptions

    jobs = plan_jobs(photos, output)
    colorizer = load_model(model).to(choose_device(device))
    failed = 0
    results = colorize_jobs(colorizer, jobs, ColorizeOptions(render))
    for job, problem in track(results, "colouring", total=len(jobs), console=console):
        if problem is not None:
            failed += 1
            console.print(f"{job.source}: {problem}", markup=False)
    console.print(f"coloured {len(jobs) - failed} of {len(jobs)} photos into {output}")
    if failed:
        raise typer.Exit(2)


@app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """List the colorizers: name, paper, parameters, cost at 256 x 256."""
    from gan_color.inspection import describe_models

    rows = describe_models()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        parameters = f"{row['parameters'] / 1e6:.1f} M"
        typer.echo(
            f"{row['name']:<16}{parameters:>10}{row['gflops_256']:>8.1f} GFLOP  {row['paper']}"
        )


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
