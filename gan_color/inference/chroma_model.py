"""What colors: the contract that a Colorizer and an ONNX file share, and how either is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color.errors import GanColorError
from gan_color.inference import interrupt
from gan_color.models.hints import Hints, PaletteBank

RIM = 2  # pixels of the render size
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ChromaModel(Protocol):
    """What colors: a Colorizer, or an ONNX file in its place."""

    @property
    def device(self) -> torch.device:
        """Where `colorize` wants its L."""

    @property
    def takes_hints(self) -> bool:
        """Whether `predict_ab` takes Hints."""

    @property
    def takes_palette(self) -> bool:
        """Whether it reads the palette of Hints."""

    @property
    def palettes(self) -> PaletteBank | None:
        """What variants are drawn from; None: there are none."""

    def content(self, L: Tensor) -> Tensor:
        """What `palettes` goes by: [B, C] for L [B, 1, H, W]."""

    def predict_ab(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        """ab [B, 2, H, W] for L [B, 1, H, W], both in -1..1."""

    def scenes(self, L: Tensor) -> list[dict[str, float]]:
        """What each photo shows: {name: probability}, likeliest first; empty: it cannot tell."""


class OutOfMemoryError(GanColorError):
    """What was asked for does not fit into the memory of the device."""


@contextmanager
def memory_as_error(what: str) -> Iterator[None]:
    """PyTorch, numpy and ONNX Runtime say each in their way that memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        said = str(error).lower()
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not (
            "memory" in said and "alloc" in said
        ):
            raise
        raise OutOfMemoryError(f"{what} the memory of this device") from None


def run_model(model: ChromaModel, L: Tensor, precision: str, hints: Hints | None = None) -> Tensor:
    """ab [B, 2, H, W] float32 on the CPU for L [B, 1, H, W] on the model's device.

    Raises GanColorError where the device's memory does not suffice (OutOfMemoryError), and where
    the model gives what are no numbers.
    """
    interrupt.check()
    kind = L.device.type
    size = f"{L.shape[-1]} x {L.shape[-2]} pixels x {len(L)} photos"
    with (
        memory_as_error(f"render: expected a smaller render size or batch: {size} do not fit into"),
        torch.autocast(kind, dtype=DTYPES[precision], enabled=precision != "fp32"),
    ):
        ab = model.predict_ab(L, hints).float().cpu()
    if not ab.isfinite().all():
        narrow = "" if precision == "fp32" else f", or {precision} is too narrow for it: try fp32"
        raise GanColorError(
            "model: found colors that are no finite numbers, expected -1 to 1: its weights are "
            f"damaged{narrow}"
        )
    return ab


def without_rim(ab: Tensor) -> Tensor:
    """ab [B, 2, h, w] whose outermost RIM pixels are those beside them: where convolutions pad with
    zeros, the first loses up to a fifth of its chroma, and the second gains.
    """
    if min(ab.shape[-2:]) <= 2 * RIM + 1:
        return ab
    inner = ab[..., RIM:-RIM, RIM:-RIM]
    return F.pad(inner, (RIM,) * 4, mode="replicate")
