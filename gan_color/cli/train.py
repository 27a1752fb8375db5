"""gan-color train and lr-find."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gan_color.cli.app import ConfigOption, SetOption
from gan_color.cli.output_file import png_file
from gan_color.errors import GanColorError

AUTO = "auto"


def train(
    config: ConfigOption = None,
    overrides: SetOption = None,
    set_file: Annotated[
        Path | None, typer.Option(help="A YAML or JSON file of KEY: VALUE overrides.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with this run's folder, or wandb:entity/project/artifact:alias."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing run.")] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Print the configuration and each stage's time; train nothing.")
    ] = False,
    measure: Annotated[
        bool, typer.Option(help="With --dry-run: make updates of each stage, to time them.")
    ] = True,
    plot: Annotated[
        Path | None,
        typer.Option(parser=png_file, help="With --dry-run: draw the learning rates (a .png)."),
    ] = None,
    show_batch: Annotated[
        Path | None,
        typer.Option(
            parser=png_file, help="Write what the first stage sees first (a .png); no more."
        ),
    ] = None,
) -> None:
    """Run the stages of a configuration.

    gan-color train --config gan_color_16gb --set data.folders=[album]
    gan-color train --config my_recipe.yml --set run.seed=1 --set stages.gan.lr=5e-5
    gan-color train --resume runs/unet_small
    gan-color train --config my_recipe.yml --dry-run --plot rates.png
    torchrun --nproc-per-node 4 -m gan_color train --config gan_color_16gb
    """
    from gan_color.config.yaml_file import overrides_of
    from gan_color.hub.init_from import load_config
    from gan_color.training.loggers.wandb_artifacts import fetch_run, find_model, reference_of

    if (config is None) == (resume is None):
        raise GanColorError("train: expected one of --config FILE and --resume FOLDER")
    if plot is not None and not dry_run:
        raise GanColorError("train: found --plot, expected --dry-run with it")
    settings = tuple(overrides or ())
    if set_file is not None:
        settings = (*overrides_of(set_file), *settings)
    if resume is not None:
        from gan_color.training.run_folder import resume_config

        if reference_of(resume):
            _refuse_fetching(dry_run or show_batch is not None)
            resume = fetch_run(str(resume), settings)
        parsed = resume_config(resume, settings)
    else:
        assert config is not None
        parsed = load_config(config, settings, find_model)
        if parsed.run.name == AUTO:
            parsed = load_config(config, (*settings, f"run.name={_name(config)}"), find_model)
    if dry_run:
        from gan_color.training.dry_run.hours import resolve_hours
        from gan_color.training.memory.auto_batch import resolve_batches

        _dry_run(resolve_hours(resolve_batches(parsed)), measure, plot)
        return
    if show_batch is not None:
        _show_batch(parsed, show_batch)
        return
    from gan_color.console import console
    from gan_color.training.callbacks.stop import TrainingInterrupted
    from gan_color.training.trainer import train as train_run

    try:
        path = train_run(parsed, resume=resume is not None, overwrite=overwrite)
    except TrainingInterrupted as stopped:
        console.print(str(stopped), markup=False)
        return
    console.print(f"model: {path}\nreport: {parsed.folder / 'report.html'}")


def _name(config: Path) -> str:
    """A name no other run has: by W&B's id of it, or by the time."""
    if "WANDB_RUN_ID" in os.environ:
        return f"{config.stem}-{os.environ['WANDB_RUN_ID']}"
    if _processes() > 1:
        raise GanColorError(
            "run.name: found 'auto', expected a name of your own under torchrun: its processes "
            "would each make up another"
        )
    return f"{config.stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _refuse_fetching(only_shown: bool) -> None:
    if only_shown:
        raise GanColorError(
            "--resume: found wandb: beside --dry-run or --show-batch, expected a folder: fetching "
            "an artifact writes one"
        )
    if _processes() > 1:
        raise GanColorError(
            "--resume: found wandb: under torchrun, expected a folder, since its processes would "
            "each fetch one: first `wandb artifact get entity/project/artifact:alias --root "
            "runs/NAME`"
        )


SHOWN = 16  # images of a batch


def _show_batch(config: Any, path: Path) -> None:
    from gan_color.atomic import atomic_write
    from gan_color.data.prepare import find_data
    from gan_color.training.loggers.preview import first_batch, preview_sheet
    from gan_color.training.memory.auto_batch import resolve_batches

    config = resolve_batches(config)
    sheet = preview_sheet(first_batch(config, find_data(config), 0, SHOWN))
    with atomic_write(path) as temporary:
        sheet.save(temporary)
    stage = config.schedule[0].stage
    hints = " | with hints" if getattr(stage, "hints", None) else ""
    typer.echo(
        f"{path}: the first batch of {stage.name}, as it comes in{hints} | as it should come out"
    )


def _dry_run(config: Any, measure: bool, plot: Path | None) -> None:
    from gan_color.atomic import write_bytes
    from gan_color.config.yaml_core import dump_yaml
    from gan_color.training.dry_run.plan import describe, plan_run
    from gan_color.training.report.curves import draw_rates

    typer.echo(dump_yaml(config.model_dump(mode="json")), nl=False)
    plans = plan_run(config, measure, rates=plot is not None)
    for line in describe(config, plans):
        typer.echo(f"# {line}")
    if plot is not None:
        write_bytes(plot, draw_rates([plan.rates for plan in plans if plan.rates is not None]))
        typer.echo(f"# learning rates: {plot}")


def lr_find(
    config: ConfigOption = None,
    overrides: SetOption = None,
    stage: Annotated[
        str | None, typer.Option(help="A supervised stage; the first if none.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Updates of the test.", min=40)] = 100,
    low: Annotated[float, typer.Option(help="First learning rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Last learning rate.")] = 1.0,
) -> None:
    """Suggest a learning rate for a supervised stage, by a range test.

    gan-color lr-find --config demo
    """
    from gan_color.hub.init_from import load_config
    from gan_color.training.loggers.wandb_artifacts import find_model
    from gan_color.training.lr_finder import find_lr

    if config is None:
        raise GanColorError("lr-find: expected --config FILE")
    if not 0 < low < high:
        raise GanColorError(f"lr-find: found low {low} and high {high}, expected 0 < low < high")
    parsed = load_config(config, tuple(overrides or ()), find_model)
    suggestion, plot = find_lr(parsed, stage, steps, low, high)
    typer.echo(f"suggested lr: {suggestion:.2e}; plot: {plot}")
