"""gan_color: train, run and compare photo colorizers. A colorizer predicts chroma from lightness.

    import gan_color
    model = gan_color.load("runs/demo/model.safetensors")
    gan_color.colorize("old.jpg", model).save("coloured.jpg")

Importing this package imports nothing heavy.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from gan_color.models.base import Colorizer

__version__ = "0.1.0"
__all__ = ["colorize", "load"]


def load(path: str | Path) -> "Colorizer":
    """Load a model file in evaluation mode on the CPU; `.to("cuda")` moves it.

    Raises gan_color.errors.GanColorError for a file that is no model.
    """
    from gan_color.export import load_model

    return load_model(Path(path))


def colorize(photo: "str | Path | Image", model: "Colorizer", render: int = 256) -> "Image":
    """Colour a photo given as a path or a PIL image; returns a PIL image of the same size.

    `render` is the shorter side, in pixels, at which the model works.
    Raises gan_color.errors.GanColorError for a photo that cannot be read.
    """
    from gan_color.data.images import open_image
    from gan_color.pipeline import colorize_image

    image = open_image(Path(photo)) if isinstance(photo, str | Path) else photo
    return colorize_image(model, image, render)
