"""gan-color bench."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gan_color.cli.app import DeviceOption, app
from gan_color.errors import GanColorError
from gan_color.shipped import find_model

if TYPE_CHECKING:
    import torch

    from gan_color.bench.contenders import Contender

NEEDS = {"loader": "data", "inference": "model", "evaluation": "data", "enlarge": "data"}


@app.command()
def bench(
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
        Path | None, typer.Option(help="Pictures, for loader, evaluation and enlarge.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(parser=find_model, help="For inference; a file, or a name.")
    ] = None,
    onnx: Annotated[Path | None, typer.Option(help="The same model, for inference.")] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Measure what training, loading, colouring and evaluating cost on this machine.

    gan-color bench --what step,memory --preset small --size 128 --size 256
    gan-color bench --what loader --data datasets/samples/train
    gan-color bench --what inference --model gan-color-small --onnx model.onnx
    """
    from gan_color import bench as benches
    from gan_color.bench.contenders import PEERS, contenders
    from gan_color.device import choose_device
    from gan_color.training.precision import choose as choose_precision

    kinds = _listed("--what", what, benches.KINDS)
    rivals = () if peers == "none" else _listed("--peers", peers, tuple(PEERS))
    given = {"data": data, "model": model}
    for kind in kinds:
        if kind in NEEDS and given[NEEDS[kind]] is None:
            raise GanColorError(f"bench: --what {kind} needs --{NEEDS[kind]}")
    place = choose_device(device)
    sides = sorted(size or [128, 256])
    rows = [benches.machine(place)]
    for kind in kinds:
        if kind in ("step", "memory", "means", "profile", "checkpoint"):
            ours = choose_precision(precision, place)
            for side in sides:
                entries = contenders(preset, width, side, batch, ours, rivals)
                rows += _of_steps(kind, entries, place, repeats)
        elif kind == "merge":
            from gan_color.bench.merge import bench_merge

            rows += bench_merge(device)
        elif kind == "inference":
            from gan_color.bench.inference import bench_inference

            assert model is not None
            rows += bench_inference(model, onnx, device)
        else:
            assert data is not None
            rows += _of_pictures(kind, data, sides)
    typer.echo(json.dumps(rows, indent=1) if as_json else benches.as_markdown(rows))


def _of_steps(
    kind: str, entries: "list[Contender]", place: "torch.device", repeats: int
) -> list[dict[str, object]]:
    if kind == "memory":
        from gan_color.bench.memory import bench_memory

        return bench_memory(entries, place)
    if kind == "means":
        from gan_color.bench.means import bench_means

        return bench_means(entries[0], str(place), repeats)
    if kind == "profile":
        from gan_color.bench.profile import bench_profile

        return bench_profile(entries[0], str(place), repeats)
    if kind == "checkpoint":
        from gan_color.bench.checkpoint import bench_checkpoint

        return bench_checkpoint(entries[0], str(place), repeats)
    from gan_color.bench.step import bench_steps

    return bench_steps(entries, str(place), repeats)


def _of_pictures(kind: str, data: Path, sides: list[int]) -> list[dict[str, object]]:
    if kind == "loader":
        from gan_color.bench.loader import bench_loader

        return bench_loader(data, sides)
    if kind == "evaluation":
        from gan_color.bench.evaluation import bench_evaluation

        return bench_evaluation(data)
    from gan_color.bench.enlarge import bench_enlarge

    return bench_enlarge(data)


def _listed(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """What an option lists, separated by commas; GanColorError for anything unknown."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    strangers = [word for word in words if word not in known]
    if strangers:
        raise GanColorError(
            f"bench: {option}: found {strangers[0]!r}, expected some of {', '.join(known)}"
        )
    return words
