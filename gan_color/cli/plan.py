"""gan-color plan."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from gan_color.cli.app import RECIPE, SetOption


def plan(
    config: Annotated[Path, RECIPE],
    overrides: SetOption = None,
    gpu_memory: Annotated[str, typer.Option(help="Of the card, such as 16GB.")] = "16GB",
    size: Annotated[
        list[int] | None, typer.Option(help="Side in pixels; repeatable; the stages' own if none.")
    ] = None,
    precision: Annotated[
        Literal["fp32", "bf16"], typer.Option(help="fp16 takes as much as bf16.")
    ] = "bf16",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Say what batch of a configuration's stages fits a card, without needing the card.

    gan-color plan --gpu-memory 16GB --config gan_color_16gb
    """
    from gan_color.config.units import parse_bytes
    from gan_color.hub.init_from import load_config
    from gan_color.training.loggers.wandb_artifacts import find_model
    from gan_color.training.memory import planner

    memory = parse_bytes(gpu_memory, "--gpu-memory")
    parsed = load_config(config, tuple(overrides or ()), find_model)
    rows = planner.plan_stages(parsed, memory, tuple(size or ()), precision)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(
            f"{row['stage']} at {row['size']} px, {precision}"
            f"{', run.activation_checkpointing' if row['activation_checkpointing'] else ''}: "
            f"{row['per_image_mib']} MiB an image "
            f"and {row['fixed_mib']} MiB besides; {row['images']} images fit {gpu_memory}"
            f"; batch {row['batch_size']} {row['advice']}"
        )
