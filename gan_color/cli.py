"""The command gan-color. Each command imports what it needs when it runs, so that --help is quick.

A mistake is one line on standard error and exit code 2.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gan_color.errors import GanColorError

app = typer.Typer(
    name="gan-color",
    help="Train, run and compare photo colorizers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="The run's YAML file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. stages.gan.lr=1e-5."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]


@app.command()
def train(
    config: ConfigOption = None,
    overrides: SetOption = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run's folder.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing run.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Check and print the configuration.")] = False,
) -> None:
    """Run the stages of a configuration.

    gan-color train --config configs/demo.yml
    gan-color train --config configs/unet_small.yml --set run.seed=1 --set stages.gan.lr=5e-5
    gan-color train --resume runs/unet_small
    torchrun --nproc-per-node 4 train_gan.py --config configs/unet_small.yml
    """
    from gan_color.config import load

    if (config is None) == (resume is None):
        raise GanColorError("train: expected one of --config FILE and --resume FOLDER")
    settings = tuple(overrides or ())
    if resume is not None:
        from gan_color.training.run import resume_config

        parsed = resume_config(resume, settings)
    else:
        assert config is not None
        parsed = load(config, settings)
    if dry_run:
        _print_plan(parsed)
        return
    from gan_color.console import console
    from gan_color.training.run import train as train_run

    path = train_run(parsed, resume=resume is not None, overwrite=overwrite)
    console.print(f"model: {path}\nreport: {parsed.folder / 'report.html'}")


def _print_plan(config: Any) -> None:
    import yaml

    from gan_color.training.stages import plan

    typer.echo(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), nl=False)
    for stage in config.stages:
        epochs, batches = plan(stage, config.run.epoch_images)
        typer.echo(
            f"# {stage.name}: {epochs} epochs of {batches} batches of {stage.batch} at "
            f"{stage.size} px = {epochs * batches * stage.batch:,} images"
        )


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
    from gan_color.pipeline import colorize_jobs, plan_jobs

    jobs = plan_jobs(photos, output)
    colorizer = load_model(model).to(choose_device(device))
    failed = 0
    results = colorize_jobs(colorizer, jobs, render)
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
def evaluate(
    model: Annotated[Path, typer.Option("--model", "-m", help="A model.safetensors file.")],
    data: Annotated[Path, typer.Option("--data", "-d", help="A folder of colour photographs.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the square pictures, in pixels.")] = 256,
    frechet: Annotated[
        str | None,
        typer.Option(help="timm backbone whose features a Frechet distance is taken in."),
    ] = None,
    frechet_weights: Annotated[
        str, typer.Option(help="'pretrained', or a .safetensors file's path.")
    ] = "pretrained",
    frechet_args: Annotated[
        str, typer.Option(help="Arguments of the backbone, as YAML: '{bn_eps: 0.001}'.")
    ] = "{}",
    frechet_drop: Annotated[
        list[str] | None, typer.Option(help="A submodule that the weights file lacks.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure a model on a folder of colour photographs, beside the all-grey answer.

    gan-color evaluate --model runs/demo/model.safetensors --data datasets/samples/valid
    gan-color evaluate --model m.safetensors --data val/ --json figures.json \\
        --frechet resnet34 --frechet-weights resnet34.safetensors
    """
    import yaml

    from gan_color.device import choose_device
    from gan_color.evaluate import evaluate as measure
    from gan_color.export import load_model
    from gan_color.metrics import BackboneFeatures

    place = choose_device(device)
    colorizer = load_model(model).to(place)
    features = None
    if frechet is not None:
        try:
            arguments = yaml.safe_load(frechet_args)
        except yaml.YAMLError:
            arguments = None
        if not isinstance(arguments, dict):
            raise GanColorError(f"--frechet-args: found {frechet_args!r}, expected a YAML mapping")
        drop = tuple(frechet_drop or ())
        features = BackboneFeatures(frechet, frechet_weights, arguments=arguments, drop=drop)
        features = features.to(place)
    figures = measure(colorizer, data, size, features)
    for line in figures["unreadable"]:
        typer.echo(f"skipped {line}", err=True)
    if json_file is not None:
        from gan_color.training.checkpoint import write_text

        json_file.parent.mkdir(parents=True, exist_ok=True)
        write_text(json_file, json.dumps(figures, indent=1))
    grey = figures["grey"]
    typer.echo(f"{figures['n']} pictures; {figures['protocol']}")
    typer.echo(f"{'':<22}{'model':>10}{'all grey':>10}")
    for key in ("psnr", "delta_e2000", "frechet"):
        if figures[key] is not None:
            typer.echo(f"{key:<22}{figures[key]:>10.3f}{grey[key]:>10.3f}")
    share = figures["colorfulness"] / figures["colorfulness_truth"]
    typer.echo(
        f"{'colorfulness':<22}{figures['colorfulness']:>10.3f}{grey['colorfulness']:>10.3f}"
        f"   {share:.0%} of the truth's {figures['colorfulness_truth']:.3f}"
    )


@app.command("lr-find")
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

    gan-color lr-find --config configs/demo.yml
    """
    from gan_color.config import load
    from gan_color.training.lr_find import find_lr

    if config is None:
        raise GanColorError("lr-find: expected --config FILE")
    if not 0 < low < high:
        raise GanColorError(f"lr-find: found low {low} and high {high}, expected 0 < low < high")
    suggestion, plot = find_lr(load(config, tuple(overrides or ())), stage, steps, low, high)
    typer.echo(f"suggested lr: {suggestion:.2e}; plot: {plot}")


@app.command()
def bench(
    preset: Annotated[str, typer.Option(help="Of the U-Net: small, base or large.")] = "small",
    size: Annotated[list[int] | None, typer.Option(help="Side in pixels; repeatable.")] = None,
    batch: Annotated[int, typer.Option(help="Images a step.", min=1)] = 4,
    width: Annotated[int, typer.Option(help="Of the discriminators' first layer.", min=1)] = 64,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    data: Annotated[Path | None, typer.Option(help="Also time a loader on this folder.")] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Time an adversarial step, and a loader, on this machine.

    gan-color bench --preset small --size 128 --size 256 --data datasets/samples/train
    """
    from gan_color import bench as benches
    from gan_color.device import choose_device

    place = choose_device(device)
    rows = [benches.machine(place)]
    for side in sorted(size or [128, 256]):
        rows.append(benches.bench_step(preset, side, batch, place, precision, width=width))
    if data is not None:
        rows += [benches.bench_loader(data, side) for side in sorted(size or [128, 256])]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo("  ".join(f"{name} {value}" for name, value in row.items()))


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
