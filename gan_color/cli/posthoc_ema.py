"""gan-color posthoc-ema."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.output_file import output_file
from gan_color.errors import GanColorError


def posthoc_ema(
    run: Annotated[Path, typer.Argument(help="The folder of a run that has ended.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=output_file, help="The model file to write.")
    ],
    half_life: Annotated[
        float, typer.Option(help="Of the EMA, in images; at least the run's own (ema_half_life).")
    ],
) -> None:
    """Give a run the EMA that it would have had with a longer half-life, from its checkpoints.

    gan-color posthoc-ema runs/demo --half-life 4000 -o ema_4000.safetensors
    """
    from gan_color.hub.model_file import read_header, save_model
    from gan_color.training.averaging.posthoc_ema import posthoc_ema as average
    from gan_color.training.run_folder import resume_config

    config = resume_config(run)
    own = run / "model.safetensors"
    if not own.is_file():
        raise GanColorError(
            f"posthoc-ema: found no model.safetensors in {run}, expected a run that has ended: "
            f"go on with gan-color train --resume {run}"
        )
    if output.exists() and output.samefile(own):
        raise GanColorError(f"posthoc-ema: {output} is the run's own model, expected another place")
    header = read_header(own)
    found = average(config, half_life)
    record = {
        **header["record"],
        "ema": {"half_life": half_life, "snapshots": found.snapshots, "error": found.error},
    }
    for measured in ("figures", "best"):  # on the run's own EMA
        record.pop(measured, None)
    save_model(output, header["name"], found.model, record)
    typer.echo(
        f"{found.stage}, {found.images:,} images: EMA of half-life {half_life:g} from "
        f"{found.snapshots} snapshots, within {found.error:.1%}"
    )
    typer.echo(f"{output}: evaluate it on photographs that no training saw")
