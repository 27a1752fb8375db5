"""gan-color calibrate."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.cli.output_file import output_file
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import find_model


def calibrate(
    model: Annotated[
        Path, typer.Argument(parser=find_model, help="A model.safetensors file, or a name.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=output_file, help="The model file to write.")
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", help="Color photographs that no training saw.")
    ],
    num_images: Annotated[int, typer.Option(help="Of them, evenly chosen.", min=1)] = 128,
    size: Annotated[int, typer.Option(help="Side of their center squares.", min=16)] = 256,
    colorfulness: Annotated[
        float | None, typer.Option(help="Share of the truth's; as it was, if not given.", min=0.01)
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Of chroma (a*, b*); fitted, if not given.", min=0)
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Keep a trained model from tinting what is neutral: fit a threshold and a gain of chroma.

    gan-color calibrate runs/demo/model.safetensors -o calibrated.safetensors --data DIR
    """
    from gan_color.distributed import choose_device
    from gan_color.evaluation.calibration import calibrate as fit
    from gan_color.evaluation.calibration import color_photographs
    from gan_color.hub.model_file import load_model, save_calibrated

    if output.exists() and output.samefile(model):
        raise GanColorError(f"calibrate: {output} is the model itself, expected another place")
    chosen, skipped = color_photographs(data, num_images)
    for line in skipped:
        typer.echo(f"skipped {line}", err=True)
    loaded = load_model(model).to(choose_device(device))
    found = fit(loaded, chosen, size, colorfulness, threshold)
    record = {
        "images": len(chosen),
        "size": size,
        "chroma_threshold": found.threshold,
        "chroma_gain": found.gain,
    }
    save_calibrated(model, output, found.threshold, found.gain, record)
    typer.echo(f"threshold {found.threshold:g}, gain {found.gain:g}")
    for name, figures in (("before", found.before), ("after", found.after)):
        typer.echo(f"{name}: {figures}")
    typer.echo(f"{output}: fitted on {len(chosen)} images; evaluate it on others")
