"""`gan-color demo`: train on what ships with installed packages, then colour two photographs."""

from pathlib import Path

from PIL import Image

from gan_color.config import Config
from gan_color.data.samples import grey_photograph, held_out
from gan_color.export import load_model
from gan_color.pictures import read, save, side_by_side
from gan_color.pipeline import DEFAULT_RENDER, ChromaModel, ColorizeOptions, colorize_picture
from gan_color.training.report import write_report
from gan_color.training.run import train


def example_sheets(model: ChromaModel, render: int = DEFAULT_RENDER) -> dict[str, Image.Image]:
    """Two photographs that samples never train on, coloured at size `render`, by caption."""
    options = ColorizeOptions(render)
    truth, camera = read(held_out()), read(grey_photograph())
    grey = read(truth.image().convert("L"))
    sheets = {
        "a photograph it never saw: grey | coloured | true": [
            grey,
            colorize_picture(model, grey, options),
            truth,
        ],
        "a photograph that was always grey | coloured": [
            camera,
            colorize_picture(model, camera, options),
        ],
    }
    return {caption: side_by_side(pictures).image() for caption, pictures in sheets.items()}


def run_demo(config: Config) -> Path:
    """Train the configuration, colour the held-out and the grey photograph; returns the report."""
    model = load_model(train(config, overwrite=True))
    paths = {}
    # So short a training knows only the sizes that it saw.
    sheets = example_sheets(model, render=config.stages[-1].size)
    for i, (caption, sheet) in enumerate(sheets.items()):
        paths[caption] = config.folder / "coloured" / f"{i}.jpg"
        save(read(sheet), paths[caption])
    return write_report(config.folder, paths)
