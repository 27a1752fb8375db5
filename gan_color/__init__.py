"""gan_color: train, run and compare photo colorizers. A colorizer predicts chroma from lightness.

    import gan_color
    gan_color.colorize("old.jpg").save("coloured.jpg")

    gan_color.load("runs/demo/model.safetensors")  # another model than the shipped one

Importing this package imports nothing heavy.
"""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from gan_color.hub.pretrained import DEFAULT, find_model

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from gan_color.inference.pipeline import ChromaModel

__version__ = version("gan-color")
__all__ = ["colorize", "load"]

_loaded: "list[ChromaModel]" = []  # at most one: what `load` gave last


def load(path: str | Path = DEFAULT, device: str = "cpu") -> "ChromaModel":
    """Load a model.safetensors or .onnx file, or a shipped model by its name.

    `colorize` uses the last one loaded.
    `device` is auto, cpu, cuda, cuda:1 or mps. Raises gan_color.errors.GanColorError for a file
    that is no model and a device that cannot be used here.
    """
    from gan_color.inference.backends import load_backend

    _loaded[:] = [load_backend(find_model(path), device)]
    return _loaded[0]


@overload
def colorize(
    photo: "NDArray[Any]", model: "ChromaModel | None" = ..., render: int = ..., **options: Any
) -> "NDArray[Any]": ...


@overload
def colorize(
    photo: "str | Path | bytes | Image",
    model: "ChromaModel | None" = ...,
    render: int = ...,
    **options: Any,
) -> "Image": ...


def colorize(
    photo: "str | Path | bytes | Image | NDArray[Any]",
    model: "ChromaModel | None" = None,
    render: int = 256,
    **options: Any,
) -> "Image | NDArray[Any]":
    """Colour a photo: a path, a file's bytes, a PIL image, or a uint8 or uint16 array.

    An array comes back as an array [H, W, 3] (or 4, with alpha) of its own depth, anything else
    as a PIL image of the same size. `model` is what `load` gave; without it, the last one loaded,
    or the shipped one where none was.
    `render` is the shorter side, in pixels, at which the model works; further `options` are
    those of gan_color.inference.pipeline.ColorizeOptions: saturation, strength, consensus,
    precision.
    Raises gan_color.errors.GanColorError for a photo that cannot be read.
    """
    import numpy as np

    from gan_color.images.decode import read
    from gan_color.inference.pipeline import ColorizeOptions, colorize_picture

    if model is None and not _loaded:
        load()
    picture = read(photo)
    coloured = colorize_picture(model or _loaded[0], picture, ColorizeOptions(render, **options))
    return coloured.array() if isinstance(photo, np.ndarray) else coloured.image()
