"""gan-color colorize and video."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.hub.pretrained import DEFAULT, find_model

ModelOption = Annotated[
    Path,
    typer.Option(
        "--model", "-m", parser=find_model, help="A model.safetensors or .onnx file, or a name."
    ),
]
RenderOption = Annotated[int, typer.Option(help="Shorter side the model works at, in pixels.")]
ConsensusOption = Annotated[
    list[int] | None, typer.Option(help="A further render size to average with; repeatable.")
]
SaturationOption = Annotated[float, typer.Option(help="Factor of the model's chroma, 0 to 4.")]
StrengthOption = Annotated[float, typer.Option(help="1: the model's colours; 0: the photo's own.")]
BatchOption = Annotated[int, typer.Option(help="Photos through the model at a time.", min=1)]
PrecisionOption = Annotated[str, typer.Option(help="Of the model: fp32, bf16 or fp16.")]
NoteOption = Annotated[
    bool, typer.Option("--note/--no-note", help="Say in the metadata what coloured it.")
]

SCENES = 3  # named on the screen, likeliest first


def colorize(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A file, or a folder.")] = Path(
        "coloured"
    ),
    model: ModelOption = Path(DEFAULT),
    render: RenderOption = 256,
    consensus: ConsensusOption = None,
    saturation: SaturationOption = 1.0,
    strength: StrengthOption = 1.0,
    batch: BatchOption = 1,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "auto",
    kind: Annotated[
        str | None, typer.Option("--format", help="jpeg, png, webp, tiff, avif or heif.")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="1 to 100, of lossy formats.")] = None,
    smooth: Annotated[
        float, typer.Option(help="Frames of a film: share of the frame before, 0 to below 1.")
    ] = 0.0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write NAME.compare.jpg: before and after.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Colour again what the folder has already.")
    ] = False,
    note: NoteOption = True,
) -> None:
    """Colour photos. The originals are never changed; the output follows their format.

    gan-color colorize old.jpg
    gan-color colorize old.jpg -o coloured.jpg --model runs/demo/model.safetensors
    gan-color colorize album/ -o coloured/ --model runs/demo/model.safetensors --render 384
    """
    from rich.progress import track

    from gan_color.console import console
    from gan_color.inference.backends import load_backend, provenance
    from gan_color.inference.batch import State, Work, colorize_jobs, is_single, plan_jobs
    from gan_color.inference.pipeline import ColorizeOptions

    options = ColorizeOptions(render, tuple(consensus or ()), saturation, strength, precision)
    jobs = plan_jobs(photos, output, kind and kind.upper())
    colorizer = load_backend(model, device)
    work = Work(
        options,
        batch,
        smooth,
        quality,
        provenance(model) if note else "",
        compare,
        overwrite or is_single(photos, output),
    )
    count = dict.fromkeys(State, 0)
    results = colorize_jobs(colorizer, jobs, work)
    for result in track(results, "colouring", total=len(jobs), console=console):
        count[result.state] += 1
        if result.state is State.FAILED:
            console.print(f"{result.job.source}: {result.problem}", markup=False)
        if result.scenes:
            likeliest = list(result.scenes.items())[:SCENES]
            named = ", ".join(f"{name} {share:.0%}" for name, share in likeliest)
            console.print(f"{result.job.target}: {named}", markup=False)
    there = f", {count[State.SKIPPED]} were there already" if count[State.SKIPPED] else ""
    failed = f", {count[State.FAILED]} failed" if count[State.FAILED] else ""
    console.print(
        f"coloured {count[State.COLOURED]} of {len(jobs)} photos into {output}{there}{failed}"
    )
    if failed:
        raise typer.Exit(2)


def video(
    source: Annotated[Path, typer.Argument(help="A film.")],
    target: Annotated[Path, typer.Argument(help="A .mp4, .mkv, .mov or .webm file.")],
    model: ModelOption = Path(DEFAULT),
    render: RenderOption = 256,
    consensus: ConsensusOption = None,
    saturation: SaturationOption = 1.0,
    strength: StrengthOption = 1.0,
    smooth: Annotated[
        float, typer.Option(help="Share of the frame before's chroma, 0 to below 1.")
    ] = 0.5,
    batch: BatchOption = 1,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "auto",
    note: NoteOption = True,
) -> None:
    """Colour a film: sound, frame rate and duration stay.

    gan-color video old.mp4 coloured.mp4
    gan-color video old.mp4 coloured.mp4 --model runs/demo/model.safetensors
    """
    from rich.progress import Progress

    from gan_color.console import console
    from gan_color.inference.backends import load_backend, provenance
    from gan_color.inference.pipeline import ColorizeOptions
    from gan_color.inference.video import Film, colorize_video

    options = ColorizeOptions(render, tuple(consensus or ()), saturation, strength, precision)
    colorizer = load_backend(model, device)
    film = Film(options, smooth, batch, provenance(model) if note else "")
    frames = colorize_video(colorizer, source, target, film)
    done = 0
    with Progress(console=console) as progress:
        task = progress.add_task("colouring", total=next(frames) or None)
        for done in frames:
            progress.update(task, completed=done)
    console.print(f"coloured {done} frames into {target}")
