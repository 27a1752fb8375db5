"""A colorizer that gives every pixel the same chroma."""

import torch

from gan_color.models.base import Colorizer, ModelOptions


class Tint(Colorizer):
    """Gives every pixel the same chroma, and remembers what it was shown."""

    stride = 16

    def __init__(self, a: float = 0.1, b: float = -0.1) -> None:
        super().__init__(ModelOptions())
        self.ab = torch.nn.Parameter(torch.tensor([a, b]).view(1, 2, 1, 1))
        self.seen: list[torch.Tensor] = []

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        self.seen.append(L)
        return self.ab.expand(len(L), 2, *L.shape[-2:])
