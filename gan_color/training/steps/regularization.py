"""What keeps discriminators from winning too early. All of it is off by default.

Random numbers are drawn for a whole batch, image by image, so that its parts make its update.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from gan_color.config.stages import AdversarialStage, DiscriminatorStage


class Draws(NamedTuple):
    """An update's random numbers: noise on real and on fake ab, [B, 2, H, W]."""

    real_noise: Tensor | None = None
    fake_noise: Tensor | None = None

    def split(self, parts: int) -> "list[Draws]":
        """Cut as a batch is."""
        columns = [[None] * parts if x is None else list(x.split(len(x) // parts)) for x in self]
        return [Draws(*row) for row in zip(*columns, strict=True)]


NOTHING = Draws()


class Regularization:
    """A stage's options on what its discriminators see."""

    def __init__(
        self, r1_weight: float = 0.0, r1_sigma: float = 0.01, r1_on_fakes: bool = False
    ) -> None:
        self.r1_weight, self.r1_sigma, self.r1_on_fakes = r1_weight, r1_sigma, r1_on_fakes

    @classmethod
    def of(cls, stage: DiscriminatorStage | AdversarialStage) -> Self:
        """Those of a stage's configuration."""
        return cls(stage.r1_weight, stage.r1_sigma, stage.r1_on_fakes)

    def draw(self, ab: Tensor) -> Draws:
        """For a batch whose chroma is ab [B, 2, H, W]."""
        if not self.r1_weight:
            return NOTHING
        real = self.r1_sigma * torch.randn_like(ab)
        return Draws(real, self.r1_sigma * torch.randn_like(ab) if self.r1_on_fakes else None)
