"""`gan-color demo`: train on what ships with installed packages, then colour two photographs."""

from pathlib import Path

from PIL import Image

from gan_color.backends import load_backend
from gan_color.config import Config
from gan_color.data.samples import grey_photograph, held_out
from gan_color.pictures import read, save, side_by_side
from gan_color.pipeline import DEFAULT_RENDER, ChromaModel, ColorizeOptions, colorize_picture
from gan_color.shipped import DEFAULT, find_model
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


def first_look(model: ChromaModel, width: int = 1000) -> Image.Image:
    """The example sheets one below the other: README's first picture."""
    sheets = [
        sheet.resize((width, round(sheet.height * width / sheet.width)), Image.Resampling.LANCZOS)
        for sheet in example_sheets(model).values()
    ]
    picture = Image.new("RGB", (width, sum(sheet.height for sheet in sheets)))
    top = 0
    for sheet in sheets:
        picture.paste(sheet, (0, top))
        top += sheet.height
    return picture


def run_demo(config: Config) -> Path:
    """Train the configuration, colour the held-out and the grey photograph; returns the report.

    The shipped model colours them too: what the same pipeline gives on thousands of photographs.
    """
    model = load_backend(train(config, overwrite=True))
    paths = {}
    # So short a training knows only the sizes that it saw.
    demo = example_sheets(model, render=config.stages[-1].size)
    shipped = example_sheets(load_backend(find_model(DEFAULT)))
    sheets = demo | {f"{DEFAULT}, on {caption}": sheet for caption, sheet in shipped.items()}
    for i, (caption, sheet) in enumerate(sheets.items()):
        paths[caption] = config.folder / "coloured" / f"{i}.jpg"
        save(read(sheet), paths[caption])
    return write_report(config.folder, paths)
