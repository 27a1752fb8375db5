"""gan-color colorize."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gan_color.cli.app import DeviceOption, progress_bar, wait_passively
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import DEFAULT, find_model, require_model, terms_of

if TYPE_CHECKING:
    from gan_color.inference.hints import HintPoint
    from gan_color.inference.jobs import BatchOptions, JobResult
    from gan_color.inference.palette import Palette

ModelOption = Annotated[
    Path,
    typer.Option(
        "--model", "-m", parser=find_model, help="A model file, a run's folder, or a name."
    ),
]
RenderOption = Annotated[int, typer.Option(help="Shorter side the model works at, in pixels.")]
TtaSizeOption = Annotated[
    list[int] | None, typer.Option(help="A further render size to average with; repeatable.")
]
SaturationOption = Annotated[
    str,
    typer.Option(
        help="Factor of the model's chroma, 0 to 4; or muted, natural, vivid (models with hints).",
        metavar="FACTOR|WORD",
    ),
]
StrengthOption = Annotated[float, typer.Option(help="1: the model's colors; 0: the photo's own.")]
BatchOption = Annotated[int, typer.Option(help="Photos through the model at a time.", min=1)]
PrecisionOption = Annotated[str, typer.Option(help="Of the model: fp32, bf16 or fp16.")]
ProvenanceOption = Annotated[
    bool,
    typer.Option("--provenance/--no-provenance", help="Say in the metadata what colorized it."),
]

SCENES = 3  # named on the screen, likeliest first


def colorize(
    photos: Annotated[
        list[Path], typer.Argument(help="Photos, or folders of photos; - for standard input.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A file, a folder, or -.")] = Path(
        "colorized"
    ),
    model: ModelOption = Path(DEFAULT),
    render: RenderOption = 256,
    tta_size: TtaSizeOption = None,
    saturation: SaturationOption = "1",
    strength: StrengthOption = 1.0,
    batch: BatchOption = 1,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "auto",
    kind: Annotated[
        str | None, typer.Option("--format", help="jpg, png, webp, tif, avif or heic.")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="1 to 100, of lossy formats.")] = None,
    smooth: Annotated[
        float, typer.Option(help="Frames of a video: share of the frame before, 0 to below 1.")
    ] = 0.0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write NAME.compare.jpg: before and after.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there, whatever they are.")
    ] = False,
    hint: Annotated[
        list[str] | None,
        typer.Option(
            help="The color of a pixel: column,row,#rrggbb, from 0; repeatable. One photo only.",
            metavar="X,Y,COLOR",
        ),
    ] = None,
    hints: Annotated[
        Path | None,
        typer.Option(help='Hints from a JSON file: [{"x": 120, "y": 80, "color": "#e0c040"}].'),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="A photo with the colors that these are to have (models with hints)."),
    ] = None,
    variants: Annotated[
        int,
        typer.Option(help="So many answers for each photo, NAME-0, NAME-1, ...", min=1, max=1000),
    ] = 1,
    variant: Annotated[
        int, typer.Option(help="Which answer: 0 is the model's own (models with palettes).")
    ] = 0,
    with_provenance: ProvenanceOption = True,
) -> None:
    """Colorize photos. The originals are never changed; the output follows their format.

    gan-color colorize old.jpg
    gan-color colorize old.jpg -o colorized.jpg --model runs/demo/model.safetensors
    gan-color colorize album/ -o colorized/ --model runs/demo/model.safetensors --render 384
    gan-color colorize old.jpg --hint 120,80,#e0c040 --model runs/hints/model.safetensors
    gan-color colorize old.jpg --reference similar.jpg --model runs/hints/model.safetensors
    gan-color colorize old.jpg --variants 4 --model with-palettes.safetensors
    """
    wait_passively()
    from gan_color.console import console
    from gan_color.inference.backends import load_backend, provenance
    from gan_color.inference.jobs import BatchOptions, JobState, plan_jobs, settle
    from gan_color.inference.options import ColorizeOptions
    from gan_color.inference.saturation import parse_saturation

    points = _read_hints(hints, hint or [])
    options = ColorizeOptions(
        render,
        tuple(tta_size or ()),
        parse_saturation(saturation),
        strength,
        precision,
        tuple(points),
        _read_reference(reference),
        variant,
    )
    require_model(model)
    if Path("-") in (*photos, output):
        if variants > 1:
            raise GanColorError("-: found --variants, expected one answer: --variant N")
        work = BatchOptions(options, batch, smooth, quality, "", compare, overwrite)
        _pipe(photos, output, kind, model, device, work, with_provenance)
        return
    jobs = plan_jobs(photos, output, kind, compare)
    if points and len(jobs) != 1:
        raise GanColorError(
            f"--hint: found {len(jobs)} photos, expected one: points are of a photo"
        )
    if variants > 1 and variant:
        raise GanColorError("--variant: found both it and --variants, expected one of them")
    note = provenance(model) if with_provenance else ""
    work = BatchOptions(options, batch, smooth, quality, note, compare, overwrite)
    versions = [(work, jobs)]
    if variants > 1:
        versions = [
            (replace(work, options=replace(options, variant=n)), [job.version(n) for job in jobs])
            for n in range(variants)
        ]
    # What is done or no photo is told before seconds of loading.
    settled = [(version, *settle(planned, version)) for version, planned in versions]
    count = dict.fromkeys(JobState, 0)

    def tell(result: "JobResult") -> None:
        count[result.state] += 1
        job = result.job
        for note in (job.note, *result.notes):
            if note:
                console.print(f"{job.source}: {note}", markup=False)
        if result.state is JobState.FAILED:
            console.print(f"{job.source}: {result.problem}", markup=False)
        if result.scenes:
            likeliest = list(result.scenes.items())[:SCENES]
            named = ", ".join(f"{name} {share:.0%}" for name, share in likeliest)
            console.print(f"{job.target}: {named}", markup=False)

    for _, results, _ in settled:
        for result in results:
            tell(result)
    total = sum(len(rest) for _, _, rest in settled)
    if total:
        from gan_color.inference.batch import colorize_jobs
        from gan_color.inference.pipeline import check_hints

        colorizer = load_backend(model, device)
        for version, _, _ in settled:
            check_hints(colorizer, version.options)
        with progress_bar() as progress:
            task = progress.add_task("colorizing", total=total)
            for version, _, rest in settled:
                for result in colorize_jobs(colorizer, rest, version):
                    tell(result)
                    progress.advance(task)
    skipped = count[JobState.SKIPPED]
    there = f", {skipped} skipped (already exist)" if skipped else ""
    failed = f", {count[JobState.FAILED]} failed" if count[JobState.FAILED] else ""
    done, planned = count[JobState.COLORIZED], len(jobs) * len(versions)
    console.print(f"colorized {done} of {planned} photos into {output}{there}{failed}")
    if done and (terms := terms_of(model)):
        console.print(terms, markup=False)
    if failed:
        raise typer.Exit(2)


def _pipe(
    photos: list[Path],
    output: Path,
    kind: str | None,
    model: Path,
    device: str,
    work: "BatchOptions",
    with_provenance: bool,
) -> None:
    """One photo from standard input, to standard output, or both."""
    from gan_color.atomic import write_bytes
    from gan_color.images.decode import read
    from gan_color.images.encode import KINDS, encode, kind_named, kind_of
    from gan_color.inference.backends import load_backend, provenance

    if len(photos) != 1 or work.compare:
        raise GanColorError("-: found several photos or --compare, expected one photo with - alone")
    to_file = output != Path("-")
    if to_file and (output.is_dir() or not output.suffix):
        raise GanColorError(f"-o: found the folder {output}, expected a file, or - with -")
    if to_file and output.exists() and not work.overwrite:
        raise GanColorError(f"output: {output} is there already: replace it with --overwrite")
    chosen = kind_named(kind) if kind else kind_of(output) if to_file else None
    data = sys.stdin.buffer.read() if photos[0] == Path("-") else None
    photo = read(photos[0] if data is None else data)
    from gan_color.inference.pipeline import check_hints, colorize_photo

    colorizer = load_backend(model, device)
    check_hints(colorizer, work.options)
    colorized = colorize_photo(colorizer, photo, work.options)
    own = photo.format.replace("MPO", "JPEG")
    chosen = chosen or (own if own in KINDS else "PNG")
    note = provenance(model) if with_provenance else ""
    written = encode(colorized, chosen, work.quality, note)
    if to_file:
        write_bytes(output, written)
    else:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()


def _read_hints(file: Path | None, texts: list[str]) -> "list[HintPoint]":
    if not file and not texts:
        return []
    from gan_color.inference.hints import parse_hint, read_hints

    return [*(read_hints(file) if file else ()), *(parse_hint(text) for text in texts)]


def _read_reference(file: Path | None) -> "Palette | None":
    if file is None:
        return None
    from gan_color.inference.palette import read_reference

    return read_reference(file)
