"""The color decoder of DDColor: Kang et al. 2023, https://arxiv.org/abs/2212.11613, section 3.2.

Learned queries look at feature maps of three sizes in turn and at each other; each becomes one map
of the image, by its product with per-pixel embeddings. A head mixes these maps into colors.
"""

import math

import torch
from torch import Tensor, nn

TEMPERATURE = 10_000.0  # of the sine positions


class ColorQueries(nn.Module):
    """Feature maps and an embedding of every pixel -> one map per query.

    `inputs` are the channels of the feature maps, which the layers attend to in turn; `width` those
    of the queries and of the pixels' embedding, a multiple of `heads` and of 4.
    """

    def __init__(
        self,
        inputs: list[int],
        queries: int = 100,
        layers: int = 9,
        width: int = 256,
        heads: int = 8,
        hidden: int = 2048,
    ) -> None:
        super().__init__()
        self.width = width
        self.content = nn.Parameter(torch.randn(queries, width))
        self.position = nn.Parameter(torch.randn(queries, width))
        self.level = nn.Parameter(torch.randn(len(inputs), width))
        self.project = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in inputs)
        for conv in self.project:
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            nn.init.kaiming_uniform_(conv.weight, a=1)
            nn.init.zeros_(conv.bias)
        self.layers = nn.ModuleList(_Layer(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.embed = nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
        )

    def forward(self, maps: list[Tensor], pixels: Tensor) -> Tensor:
        """maps [B, C, h, w] each, pixels [B, width, H, W] -> [B, queries, H, W]."""
        memories, keys = [], []
        for i, (project, features) in enumerate(zip(self.project, maps, strict=True)):
            memory = project(features).flatten(2).transpose(1, 2) + self.level[i]  # [B, h w, width]
            height, width = features.shape[-2:]
            places = sine_positions(height, width, self.width, memory.device)
            memories.append(memory)
            keys.append(memory + places.to(memory.dtype))
        queries = self.content.expand(len(pixels), -1, -1)
        for i, layer in enumerate(self.layers):
            scale = i % len(maps)
            queries = layer(queries, self.position, keys[scale], memories[scale])
        return torch.einsum("bqc,bchw->bqhw", self.embed(self.norm(queries)), pixels)


class _Layer(nn.Module):
    """Cross-attention, self-attention, feed-forward, each added and then normalized."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(width, heads, batch_first=True)
        self.own = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x: Tensor, position: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        found, _ = self.cross(x + position, keys, values, need_weights=False)
        x = self.norms[0](x + found)
        placed = x + position
        found, _ = self.own(placed, placed, x, need_weights=False)
        x = self.norms[1](x + found)
        out: Tensor = self.norms[2](x + self.feed(x))
        return out


def sine_positions(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Where each position of a map is, [height * width, channels]: rows in the first half.

    Sines and cosines of the position over the side, times 2 pi (DETR, appendix A.4:
    https://arxiv.org/abs/2005.12872).
    """
    half = channels // 2
    rates = TEMPERATURE ** (
        2 * torch.arange(half // 2, device=device) / half
    )  # a sine and a cosine share one
    rows, columns = (
        torch.arange(1, side + 1, device=device)[:, None] / side * 2 * math.pi / rates
        for side in (height, width)
    )
    rows, columns = (
        torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1) for angles in (rows, columns)
    )
    grid = (
        rows[:, None].expand(-1, width, -1),
        columns[None].expand(height, -1, -1),
    )
    return torch.cat(grid, dim=2).flatten(0, 1)
