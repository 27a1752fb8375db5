"""Fixed images and what a generator makes of their lightness: the one loop of crop, L, prediction
and RGB behind a run's validation, its snapshots and `calibrate`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_color.color.lab import from_rgb8, to_rgb8
from gan_color.images.resize import EvalResize, evaluation_crop
from gan_color.models.base import Colorizer

BATCH = 16


@dataclass(frozen=True)
class Prediction:
    """ab [N, 2, H, W] in -1..1 and the colorized images, uint8 sRGB [N, 3, H, W]; on the CPU."""

    ab: Tensor
    rgb: Tensor


class ValidationSet:
    """Holds the truth as uint8 [N, 3, size, size]; `autocast` is what predictions run under.

    `seen` is what L is taken from: the truth, or `inputs` where they name another photo.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: int,
        resize: EvalResize = "bicubic",
        device: torch.device | None = None,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
        inputs: Sequence[Path | None] = (),
    ) -> None:
        self.paths = list(paths)
        self.truth = self.seen = torch.stack([evaluation_crop(p, size, resize) for p in paths])
        if any(path is not None for path in inputs):
            self.seen = torch.stack(
                [
                    truth if path is None else evaluation_crop(path, size, resize)
                    for path, truth in zip(inputs, self.truth, strict=True)
                ]
            )
        self.device, self.autocast = device or torch.device("cpu"), autocast

    def gray(self) -> Tensor:
        """What is seen, without color: uint8 [N, 3, size, size]."""
        L, ab = from_rgb8(self.seen)
        return to_rgb8(L, torch.zeros_like(ab))

    @torch.no_grad()
    def predict(
        self, model: Colorizer[Any], which: Sequence[int] | None = None, *, calibrated: bool = True
    ) -> Prediction:
        """The model's chroma for all images, or for those with the numbers `which`."""
        chroma, images = [], []
        for part in (self.seen if which is None else self.seen[list(which)]).split(BATCH):
            L, _ = from_rgb8(part.to(self.device))
            with self.autocast():
                ab = model.predict_ab(L, calibrated=calibrated)
            chroma.append(ab.cpu())
            images.append(to_rgb8(L, ab).cpu())
        return Prediction(torch.cat(chroma), torch.cat(images))
