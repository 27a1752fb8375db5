"""What runs a model file: PyTorch for safetensors, ONNX Runtime for .onnx."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gan_color.atomic import sha256
from gan_color.errors import GanColorError

if TYPE_CHECKING:
    from gan_color.inference.chroma_model import ChromaModel
    from gan_color.models.base import Colorizer


def load_backend(path: Path, device: str = "cpu") -> "ChromaModel":
    """Load a model file, ready to color; GanColorError for a file that is no model."""
    if path.suffix == ".onnx":
        from gan_color.inference.onnx_model import OnnxColorizer

        if device not in ("auto", "cpu"):
            raise GanColorError(f"device: found {device!r}, expected cpu for an ONNX file")
        return OnnxColorizer(path)
    import torch

    from gan_color.distributed import choose_device
    from gan_color.hub.model_file import load_model

    model = load_model(path).to(choose_device(device))
    # Convolutions are faster in this layout on every device; the result is the same.
    laid_out: Colorizer = model.to(memory_format=torch.channels_last)
    return laid_out


def provenance(path: Path) -> str:
    """The note that says where a photo's colors come from: the version and the model's file."""
    return (
        f"colorized by gan_color {version('gan-color')} ({path.name}, sha256 {sha256(path)[:12]})"
    )
