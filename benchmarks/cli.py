"""`python -m benchmarks`: what training, coloring and evaluating cost on this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gan_color.cli.app import DeviceOption, SetOption, run_commands
from gan_color.cli.output_file import output_file
from gan_color.config.yaml_file import find_recipe
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import DEFAULT, find_model

if TYPE_CHECKING:
    import torch

    from benchmarks.baselines import Baseline

NEEDS = {"loader": "data", "inference": "model", "evaluation": "data", "enlarge": "data"}


def train(
    what: Annotated[
        str,
        typer.Option(
            help="Of step, memory, means, profile, checkpoint, loader, inference, merge, "
            "evaluation, enlarge; commas."
        ),
    ] = "step,memory",
    preset: Annotated[str, typer.Option(help="Of our U-Net: small, base or large.")] = "small",
    width: Annotated[int, typer.Option(help="Of our discriminators' first layer.", min=1)] = 64,
    size: Annotated[list[int] | None, typer.Option(help="Side in pixels; repeatable.")] = None,
    batch: Annotated[int, typer.Option(help="Images a step.", min=1)] = 4,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    peers: Annotated[
        str, typer.Option(help="Beside our step: pix2pixHD, DeOldify, or none; commas.")
    ] = "pix2pixHD,DeOldify",
    repeats: Annotated[int, typer.Option(help="Steps timed, after one that is not.", min=1)] = 5,
    data: Annotated[
        Path | None, typer.Option(help="Images, for loader, evaluation and enlarge.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(parser=find_model, help="For inference; a file, or a name.")
    ] = None,
    onnx: Annotated[Path | None, typer.Option(help="The same model, for inference.")] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Measure what training, loading, coloring and evaluating cost on this machine.

    python -m benchmarks train --what step,memory --preset small --size 128 --size 256
    python -m benchmarks train --what loader --data datasets/samples/train
    python -m benchmarks train --what inference --model gan-color-small --onnx model.onnx
    """
    from benchmarks import harness as benches
    from benchmarks.baselines import PEERS, baselines
    from gan_color.distributed import choose_device
    from gan_color.training.amp import resolve_precision as choose_precision

    kinds = _listed("--what", what, benches.KINDS)
    rivals = () if peers == "none" else _listed("--peers", peers, tuple(PEERS))
    given = {"data": data, "model": model}
    for kind in kinds:
        if kind in NEEDS and given[NEEDS[kind]] is None:
            raise GanColorError(f"--what {kind} needs --{NEEDS[kind]}")
    place = choose_device(device)
    sides = sorted(size or [128, 256])
    rows = [benches.machine(place)]
    for kind in kinds:
        if kind in ("step", "memory", "means", "profile", "checkpoint"):
            ours = choose_precision(precision, place)
            for side in sides:
                entries = baselines(preset, width, side, batch, ours, rivals)
                rows += _of_steps(kind, entries, place, repeats)
        elif kind == "merge":
            from benchmarks.recombine import bench_recombine

            rows += bench_recombine(device)
        elif kind == "inference":
            from benchmarks.inference import bench_inference

            assert model is not None
            rows += bench_inference(model, onnx, device)
        else:
            assert data is not None
            rows += _of_images(kind, data, sides)
    typer.echo(json.dumps(rows, indent=1) if as_json else benches.as_markdown(rows))


def _of_steps(
    kind: str, entries: "list[Baseline]", place: "torch.device", repeats: int
) -> list[dict[str, object]]:
    if kind == "memory":
        from benchmarks.memory import bench_memory

        return bench_memory(entries, place)
    if kind == "means":
        from benchmarks.ablation import bench_ablation

        return bench_ablation(entries[0], str(place), repeats)
    if kind == "profile":
        from benchmarks.op_profile import bench_profile

        return bench_profile(entries[0], str(place), repeats)
    if kind == "checkpoint":
        from benchmarks.checkpoint import bench_checkpoint

        return bench_checkpoint(entries[0], str(place), repeats)
    from benchmarks.step import bench_steps

    return bench_steps(entries, str(place), repeats)


def _of_images(kind: str, data: Path, sides: list[int]) -> list[dict[str, object]]:
    if kind == "loader":
        from benchmarks.loader import bench_loader

        return bench_loader(data, sides)
    if kind == "evaluation":
        from benchmarks.evaluation import bench_evaluation

        return bench_evaluation(data)
    from benchmarks.upsampling import bench_upsampling

    return bench_upsampling(data)


def _listed(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """What an option lists, separated by commas; GanColorError for anything unknown."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    unknown = [word for word in words if word not in known]
    if unknown:
        raise GanColorError(f"{option}: found {unknown[0]!r}, expected some of {', '.join(known)}")
    return words


def study_inflection(
    folders: Annotated[list[Path], typer.Argument(help="Watched runs that kept every snapshot.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", parser=output_file, help="Write the figures here.")
    ] = None,
) -> None:
    """Compare the inflection rule's pick with the best of all snapshots, on unseen images.

    python -m benchmarks study-inflection runs/seed0 runs/seed1 runs/seed2
    """
    from benchmarks.inflection_study import study_run
    from gan_color.atomic import write_text

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


def scrapers(
    what: Annotated[
        str,
        typer.Argument(help="collect, clean, duplicates, scale, verdicts, defects or watermarks"),
    ],
    images: Annotated[int, typer.Option(min=0, help="how many; 0: the default")] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="real or labeled images; for scale: where to")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="csv: file, expected, hard")] = None,
) -> None:
    """Measure: images a second, or verdicts against labels."""
    from benchmarks.scraping.benches import run
    from scrapers.errors import ScraperError

    try:
        typer.echo(run(what, images, folder, labels))
    except ScraperError as error:
        raise GanColorError(str(error)) from None


def gpu(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="For gpu.json, gpu.md and the trainings' runs.")
    ],
    minutes: Annotated[float, typer.Option(help="That this start may take.", min=0.1)] = 25.0,
    rehearse: Annotated[bool, typer.Option(help="All of it on the CPU, at toy sizes.")] = False,
    recipe: Annotated[
        Path | None, typer.Option("--train", parser=find_recipe, help="Trained at last.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Photographs, for loader and training.")] = None,
    overrides: SetOption = None,
) -> None:
    """Answer in one go what only a GPU can: right, fitting, fast, and learning?

    python -m benchmarks gpu --minutes 25 -o gpu --train unet_small --data datasets/photos

    Started again with the same -o, it goes on: with what is missing, once more with what went
    wrong, and with the training.
    """
    from benchmarks.gpu.kit import start

    start(output, minutes, rehearse, recipe, data, tuple(overrides or ()))


def soak(
    minutes: Annotated[float, typer.Option(help="Time.", min=0.01, max=120)] = 10.0,
    visitors: Annotated[int, typer.Option(help="At a time.", min=1, max=64)] = 8,
    models: Annotated[
        Path | None, typer.Option(help="As of serve; without it, the shipped model alone.")
    ] = None,
) -> None:
    """Let visitors wait, stall and leave at a server on this machine; 5xx but 503 are an error.

    python -m benchmarks soak --minutes 10 --visitors 8
    """
    from benchmarks.harness import as_markdown
    from benchmarks.soak import bench_soak

    rows, faults = bench_soak(minutes, visitors, models)
    typer.echo(as_markdown(rows))
    if faults:
        raise GanColorError(f"soak: found {len(faults):,} faults, expected none: {faults[0]}")


def hints(
    data: Annotated[Path, typer.Option(help="Photographs that the model was not trained on.")],
    model: Annotated[Path, typer.Option(parser=find_model, help="A file, or a name.")] = Path(
        DEFAULT
    ),
    images: Annotated[int, typer.Option(help="Of them, evenly spread.", min=1)] = 24,
) -> None:
    """Measure what points of the truth give: learned, spread, and both.

    python -m benchmarks hints --data val/ --images 24
    """
    from benchmarks.harness import as_markdown
    from benchmarks.hints import bench_hints

    typer.echo(as_markdown(bench_hints(model, data, images)))


def counters(
    write: Annotated[bool, typer.Option(help="Store what is counted now.")] = False,
) -> None:
    """Count FLOP, bytes and opened files of training, and compare with benchmarks/counters.json."""
    from benchmarks.counters import run

    typer.echo(run(write))


def readme_figure(
    output: Annotated[Path, typer.Option("--output", "-o", parser=output_file)] = Path(
        "docs/first_look.jpg"
    ),
) -> None:
    """Draw README's first image, by the shipped model."""
    import gan_color
    from benchmarks.readme_figure import first_look

    first_look(gan_color.load().model).save(output)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    run_commands(
        "benchmarks",
        "Measure training, inference, data loading and scraping on this machine.",
        [train, gpu, soak, hints, counters, scrapers, study_inflection, readme_figure],
        arguments,
    )
