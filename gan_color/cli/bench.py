"""gan-color bench."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption, app


@app.command()
def bench(
    preset: Annotated[str, typer.Option(help="Of the U-Net: small, base or large.")] = "small",
    size: Annotated[list[int] | None, typer.Option(help="Side in pixels; repeatable.")] = None,
    batch: Annotated[int, typer.Option(help="Images a step.", min=1)] = 4,
    width: Annotated[int, typer.Option(help="Of the discriminators' first layer.", min=1)] = 64,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    data: Annotated[Path | None, typer.Option(help="Also time a loader on this folder.")] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(help="Time evaluations of this folder only, ours and a plain loop's."),
    ] = None,
    inference: Annotated[
        Path | None, typer.Option(help="Time colouring photos with this model only, by stage.")
    ] = None,
    onnx: Annotated[Path | None, typer.Option(help="The same model, for --inference.")] = None,
    enlarge: Annotated[
        Path | None, typer.Option(help="Judge how chroma is enlarged on this folder only.")
    ] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Time an adversarial step, and a loader, on this machine.

    gan-color bench --preset small --size 128 --size 256 --data datasets/samples/train
    gan-color bench --evaluation datasets/samples/valid
    gan-color bench --inference model.safetensors --onnx model.onnx
    """
    from gan_color.bench import machine
    from gan_color.device import choose_device

    place = choose_device(device)
    rows = [machine(place)]
    if evaluation is not None:
        from gan_color.bench.evaluation import bench_evaluation

        rows += bench_evaluation(evaluation)
    if inference is not None or enlarge is not None:
        from gan_color.bench.enlarge import bench_enlarge
        from gan_color.bench.inference import bench_inference

        if inference is not None:
            rows += bench_inference(inference, onnx, device)
        if enlarge is not None:
            rows += bench_enlarge(enlarge)
    sides = [] if evaluation or inference or enlarge else sorted(size or [128, 256])
    for side in sides:
        from gan_color.bench.step import bench_step

        rows.append(bench_step(preset, side, batch, place, precision, width=width))
    if data is not None:
        from gan_color.bench.loader import bench_loader

        rows += [bench_loader(data, side) for side in sides]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo("  ".join(f"{name} {value}" for name, value in row.items()))
