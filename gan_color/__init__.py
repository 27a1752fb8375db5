"""gan_color: train, run and compare photo colorizers. A colorizer predicts chroma from lightness.

    import gan_color

    gan_color.colorize("old.jpg").save("colorized.jpg")

    pipeline = gan_color.load("runs/demo/model.safetensors")  # for many photos, or another model
    pipeline.colorize("old.jpg", render=384).save("colorized.jpg")

Importing this package imports nothing heavy, and it keeps no state.
"""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

if TYPE_CHECKING:
    __version__: str
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from gan_color.inference.pipeline import ColorizationPipeline

__all__ = ["__version__", "colorize", "load"]

SHIPPED = "gan-color-small"


def __getattr__(name: str) -> str:
    if name == "__version__":
        return version("gan-color")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(path: str | Path = SHIPPED, device: str = "cpu") -> "ColorizationPipeline":
    """Load a model.safetensors or .onnx file, a shipped model by its name, or one of the Hugging
    Face Hub: "hf-hub:owner/name", "hf-hub:owner/name@revision".

    `device` is auto, cpu, cuda, cuda:1 or mps. Raises gan_color.errors.GanColorError for a file
    that is no model and a device that cannot be used here.
    """
    from gan_color.hub.pretrained import find_model
    from gan_color.inference.backends import load_backend
    from gan_color.inference.pipeline import ColorizationPipeline

    return ColorizationPipeline(load_backend(find_model(path), device))


@overload
def colorize(photo: "NDArray[Any]", render: int = ..., **options: Any) -> "NDArray[Any]": ...


@overload
def colorize(photo: "Tensor", render: int = ..., **options: Any) -> "Tensor": ...


@overload
def colorize(
    photo: "str | Path | bytes | BinaryIO | Image", render: int = ..., **options: Any
) -> "Image": ...


def colorize(photo: Any, render: int = 256, **options: Any) -> Any:
    """Colorize one photo by the shipped model, which is loaded for it and let go.

    Arguments and result are those of gan_color.inference.pipeline.ColorizationPipeline.colorize.
    """
    return load().colorize(photo, render, **options)
