"""The branches through which a U-Net takes hints.

After Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors",
https://arxiv.org/abs/1705.02999, section 3.2 (local hints network, global hints network). Nothing
here has a bias, so that where nothing is hinted exactly 0 is added, whatever was learned.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_color.models.hints.told import CHANNELS, PALETTE, Hints

ATTENTION_STRIDE = 8  # the level at which a hint reaches whatever resembles its place
BRANCH_CHANNELS = 64  # of a branch, at most
HEADS, HEAD_CHANNELS = 2, 32
PALETTE_CHANNELS = 128


class HintBranch(nn.Sequential):
    """Hints at one stride -> what is added to the decoder's features there; 0 at first."""

    def __init__(self, outputs: int) -> None:
        width = max(8, min(outputs // 2, BRANCH_CHANNELS))
        super().__init__(
            nn.Conv2d(CHANNELS, width, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            _zero_projection(width, outputs),
        )


class HintAttention(nn.Module):
    """Each position takes from the hinted ones as far as its features resemble theirs, so that one
    point colors its object. Zhang et al. leave that to their encoder, which sees the hints.

    A position that resembles none of them takes from a place that has nothing to give.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = HEADS * HEAD_CHANNELS
        self.to_query = nn.Conv2d(channels, width, 1, bias=False)
        self.to_key = nn.Conv2d(channels, width, 1, bias=False)
        self.to_value = nn.Conv2d(CHANNELS, width, 1, bias=False)
        self.to_out = _zero_projection(width, channels)

    def forward(self, x: Tensor, hints: Tensor) -> Tensor:
        """x [B, C, h, w] and hints [B, CHANNELS, h, w] -> what is added to x."""
        B, _, H, W = x.shape
        q, k, v = (
            # [B, heads, H * W, channels], in that order in memory, as SelfAttention's.
            part.reshape(B, HEADS, HEAD_CHANNELS, H * W).transpose(2, 3).contiguous()
            for part in (self.to_query(x), self.to_key(x), self.to_value(hints))
        )
        nowhere = torch.zeros_like(k[:, :, :1])
        known = hints[:, 2].reshape(B, 1, 1, H * W) > 0
        known = torch.cat((known, torch.ones_like(known[..., :1])), dim=-1)
        attended = F.scaled_dot_product_attention(
            q, torch.cat((k, nowhere), dim=2), torch.cat((v, nowhere), dim=2), attn_mask=known
        )
        out: Tensor = self.to_out(attended.transpose(2, 3).reshape(B, HEADS * HEAD_CHANNELS, H, W))
        return out


class PaletteBranch(nn.Module):
    """Global hints -> what is added everywhere, at each stride; 0 at first."""

    def __init__(self, levels: dict[int, int]) -> None:
        super().__init__()
        width = PALETTE_CHANNELS
        self.layers = nn.Sequential(
            nn.Conv2d(PALETTE, width, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1, bias=False),
            nn.ReLU(inplace=True),
        )
        self.to_out = nn.ModuleDict(
            {str(stride): _zero_projection(width, outputs) for stride, outputs in levels.items()}
        )

    def forward(self, palette: Tensor) -> dict[str, Tensor]:
        """palette [B, PALETTE] -> [B, C, 1, 1] for each stride."""
        x = self.layers(palette[:, :, None, None])
        return {stride: out(x) for stride, out in self.to_out.items()}


class HintBranches(nn.Module):
    """A U-Net's branches: local ones at the deepest map and where each level of the decoder begins,
    the global one, which enters at the same places (the paper's at the deepest alone), and the
    attention. `levels` are the channels to add to, by stride; `attended` those of the level of
    ATTENTION_STRIDE, 0 where there is none.
    """

    def __init__(self, levels: dict[int, int], attended: int) -> None:
        super().__init__()
        self.local = nn.ModuleDict({str(stride): HintBranch(n) for stride, n in levels.items()})
        self.attention = HintAttention(attended) if attended else None
        self.palette = PaletteBranch(levels)

    def forward(self, hints: Hints) -> dict[int, Tensor]:
        """What is added at each stride."""
        added = {
            stride: branch(hints.at_stride(int(stride))) for stride, branch in self.local.items()
        }
        if hints.palette is not None:
            everywhere = self.palette(hints.palette)
            added = {stride: local + everywhere[stride] for stride, local in added.items()}
        return {int(stride): sum_ for stride, sum_ in added.items()}

    def spread(self, x: Tensor, hints: Hints) -> Tensor:
        """x [B, C, h, w], the level of ATTENTION_STRIDE, with what its attention adds."""
        if self.attention is None:
            return x
        out: Tensor = x + self.attention(x, hints.at_stride(ATTENTION_STRIDE))
        return out


def _zero_projection(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1 x 1 convolution that gives nothing until it is trained."""
    projection = nn.Conv2d(inputs, outputs, 1, bias=False)
    nn.init.zeros_(projection.weight)
    return projection
