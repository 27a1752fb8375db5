"""gan-color finetune."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import SetOption
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import DEFAULT, find_model

RECIPE = "finetune"


def finetune(
    album: Annotated[Path, typer.Argument(help="A folder of color photographs, 50 to 500.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The run's folder.")],
    start: Annotated[
        Path, typer.Option("--from", parser=find_model, help="A model file, or a name.")
    ] = Path(DEFAULT),
    minutes: Annotated[float, typer.Option(help="What it may take.", min=0.1)] = 20.0,
    overrides: SetOption = None,
    resume: Annotated[bool, typer.Option(help="Go on with the run in this folder.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing run.")] = False,
) -> None:
    """Teach a model your photographs, and see what it gains there and forgets elsewhere.

    gan-color finetune album -o runs/mine --minutes 20

    gan-color colorize old.jpg --model runs/mine/model.safetensors
    """
    from gan_color.config.yaml_file import find_recipe
    from gan_color.hub.init_from import load_config
    from gan_color.training.callbacks.stop import TrainingInterrupted
    from gan_color.training.finetune import describe
    from gan_color.training.finetune import finetune as run
    from gan_color.training.run_folder import resume_config

    settings = tuple(overrides or ())
    if resume:
        config = resume_config(output, settings)
    else:
        if not album.is_dir():
            raise GanColorError(
                f"finetune: found no folder {str(album)!r}, expected a folder of color photographs"
            )
        where = output.absolute()
        given = {
            "run.dir": str(where.parent),
            "run.name": where.name,
            "run.init_from": str(find_model(start)),
            "run.hours": minutes / 60,
            "data.folders": [str(album)],
        }
        first = tuple(f"{key}={json.dumps(value)}" for key, value in given.items())
        config = load_config(find_recipe(RECIPE), (*first, *settings))
    try:
        found = run(config, resume, overwrite)
    except TrainingInterrupted as stopped:
        typer.echo(
            f"{stopped}, or, with the comparison at the end: gan-color finetune --resume "
            f"{album} -o {output}"
        )
        return
    for line in describe(found):
        typer.echo(line)
    typer.echo(f"model: {found.model}")
