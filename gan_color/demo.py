"""`gan-color demo`: train on what ships with installed packages, then colour two photographs."""

from pathlib import Path

from PIL import Image

from gan_color.config import Config
from gan_color.data.images import open_image
from gan_color.data.samples import grey_photograph, held_out
from gan_color.export import load_model
from gan_color.models.base import Colorizer
from gan_color.pictures import read, save
from gan_color.pipeline import DEFAULT_RENDER, colorize_image
from gan_color.training.report import write_report
from gan_color.training.run import train


def side_by_side(images: list[Image.Image]) -> Image.Image:
    """Pictures of one height, left to right."""
    sheet = Image.new("RGB", (sum(i.width for i in images), images[0].height))
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width
    return sheet


def example_sheets(model: Colorizer, render: int = DEFAULT_RENDER) -> dict[str, Image.Image]:
    """Two photographs that samples never train on, coloured at size `render`, by caption."""
    truth = open_image(held_out()).convert("RGB")
    grey = truth.convert("L").convert("RGB")
    camera = open_image(grey_photograph()).convert("RGB")
    return {
        "a photograph it never saw: grey | coloured | true": side_by_side(
            [grey, colorize_image(model, grey, render), truth]
        ),
        "a photograph that was always grey | coloured": side_by_side(
            [camera, colorize_image(model, camera, render)]
        ),
    }


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
