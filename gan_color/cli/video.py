"""gan-color video."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption, progress_bar, wait_passively
from gan_color.cli.colorize import (
    BatchOption,
    ModelOption,
    PrecisionOption,
    ProvenanceOption,
    RenderOption,
    SaturationOption,
    StrengthOption,
    TtaSizeOption,
)
from gan_color.cli.output_file import output_file
from gan_color.hub.pretrained import DEFAULT, require_model, terms_of


def video(
    source: Annotated[Path, typer.Argument(help="A video.")],
    target: Annotated[
        Path, typer.Argument(parser=output_file, help="A .mp4, .mkv, .mov or .webm file.")
    ],
    model: ModelOption = Path(DEFAULT),
    render: RenderOption = 256,
    tta_size: TtaSizeOption = None,
    saturation: SaturationOption = "1",
    strength: StrengthOption = 1.0,
    smooth: Annotated[
        float, typer.Option(help="Share of the frame before's chroma, 0 to below 1.")
    ] = 0.5,
    batch: BatchOption = 1,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the target if it is there.")
    ] = False,
    with_provenance: ProvenanceOption = True,
) -> None:
    """Colorize a film: sound, frame rate and duration stay.

    gan-color video old.mp4 colorized.mp4
    gan-color video old.mp4 colorized.mp4 --model runs/demo/model.safetensors
    """
    wait_passively()
    from gan_color.console import console
    from gan_color.inference.backends import load_backend, provenance
    from gan_color.inference.options import ColorizeOptions
    from gan_color.inference.saturation import parse_saturation
    from gan_color.inference.video_file import check_target, count_frames

    factor = parse_saturation(saturation)
    options = ColorizeOptions(render, tuple(tta_size or ()), factor, strength, precision)
    require_model(model)
    # What is wrong with the file is told before seconds of loading.
    check_target(source, target, overwrite)
    total = count_frames(source)
    from gan_color.inference.video import VideoOptions, colorize_video

    colorizer = load_backend(model, device)
    note = provenance(model) if with_provenance else ""
    film = VideoOptions(options, smooth, batch, note, overwrite)
    done = 0
    with progress_bar() as progress:
        task = progress.add_task("colorizing", total=total)
        frames = colorize_video(colorizer, source, target, film)
        next(frames)
        for done in frames:
            progress.update(task, completed=done)
    console.print(f"colorized {done} frames into {target}")
    if terms := terms_of(model):
        console.print(terms, markup=False)
