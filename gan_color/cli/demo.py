"""gan-color demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from gan_color.cli.app import RECIPE

if TYPE_CHECKING:
    from PIL import Image

    from gan_color.config.schema import Config
    from gan_color.inference.chroma_model import ChromaModel


def demo(config: Annotated[Path, RECIPE] = Path("demo")) -> None:
    """Train on photographs that ship with installed packages, then colorize two others."""
    from gan_color.config.schema import load
    from gan_color.console import console

    report = run_demo(load(config))
    console.print(f"look at: {report}")


def example_sheets(model: "ChromaModel", render: int = 256) -> "dict[str, Image.Image]":
    """Two photographs that samples never train on, colorized at size `render`, by caption."""
    from gan_color.data.samples import gray_photograph, held_out
    from gan_color.images.decode import read
    from gan_color.images.photo import side_by_side
    from gan_color.inference.pipeline import ColorizeOptions, colorize_photo

    options = ColorizeOptions(render)
    truth, camera = read(held_out()), read(gray_photograph())
    gray = read(truth.image().convert("L"))
    sheets = {
        "a photograph it never saw: gray | colorized | true": [
            gray,
            colorize_photo(model, gray, options),
            truth,
        ],
        "a photograph that was always gray | colorized": [
            camera,
            colorize_photo(model, camera, options),
        ],
    }
    return {caption: side_by_side(photos).image() for caption, photos in sheets.items()}


def run_demo(config: "Config") -> Path:
    """Train the configuration, colorize the held-out and the gray photograph; returns the report.

    The shipped model colorizes them too: what the same pipeline gives on thousands of photographs.
    """
    from gan_color.hub.pretrained import DEFAULT, find_model
    from gan_color.images.decode import read
    from gan_color.images.encode import save
    from gan_color.inference.backends import load_backend
    from gan_color.training.report.page import write_report
    from gan_color.training.trainer import train

    model = load_backend(train(config, overwrite=True))
    paths = {}
    # So short a training knows only the sizes that it saw.
    demo = example_sheets(model, render=config.stages[-1].size)
    shipped = example_sheets(load_backend(find_model(DEFAULT)))
    sheets = demo | {f"{DEFAULT}, on {caption}": sheet for caption, sheet in shipped.items()}
    for i, (caption, sheet) in enumerate(sheets.items()):
        paths[caption] = config.folder / "colorized" / f"{i}.jpg"
        save(read(sheet), paths[caption])
    return write_report(config.folder, paths)
