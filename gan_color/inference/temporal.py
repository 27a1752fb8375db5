"""Steadier colors for video: each frame's chroma is drawn toward that of the frame before.

There is no optical flow. Old chroma counts only where lightness stayed the same, so that it is not
dragged behind what moves; moving things flicker as without it. A cut starts afresh.
"""

import torch
from torch import Tensor

from gan_color.errors import GanColorError
from gan_color.inference.guided_upsample import box
from gan_color.inference.pipeline import Chroma

STILL = 0.04  # change of L (2 L*) at which the old chroma counts 1/e as much
CUT = 0.2  # mean change of L (10 L*) that no motion within a scene makes


class ChromaSmoother:
    """Call it with frame after frame. `amount` is the share of old chroma where nothing moves."""

    def __init__(self, amount: float) -> None:
        if not 0 <= amount < 1:
            raise GanColorError(f"smooth: found {amount}, expected 0 to below 1")
        self.amount = amount
        self.before: Chroma | None = None
        self.video: object = None

    def __call__(self, chroma: Chroma, video: object = None) -> Chroma:
        """The frame's chroma, mixed with the frame's before unless the scene has changed.

        `video` tells videos apart: another one starts afresh.
        """
        before = self.before if video == self.video else None
        self.video = video
        if before is not None and before.L.shape == chroma.L.shape:
            change = (chroma.L - before.L).abs()
            if float(change.mean()) < CUT:
                weight = self.amount * self._stillness(change)
                mixed = torch.lerp(chroma.ab, before.ab, weight)
                chroma = Chroma(mixed, chroma.L)
        self.before = chroma
        return chroma

    def _stillness(self, change: Tensor) -> Tensor:
        """1 where nothing changed, to 0; [1, h, w]."""
        return torch.exp(-((box(change[None])[0] / STILL) ** 2))
