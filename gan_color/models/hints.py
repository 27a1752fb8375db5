"""What a person says of a picture's colors, and the branches through which a U-Net takes it.

After Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors",
https://arxiv.org/abs/1705.02999, section 3.2 (local hints network). Nothing here has a bias, so
that where nothing is hinted exactly 0 is added, whatever was learned.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 4  # of hints at a stride: a and b, known or not, share of pixels that are known
ATTENTION_STRIDE = 8  # the level at which a hint reaches whatever resembles its place
BRANCH_CHANNELS = 64  # of a branch, at most
HEADS, HEAD_CHANNELS = 2, 32


@dataclass(frozen=True)
class Hints:
    """Local hints: ab [B, 2, H, W] in -1..1 (Lab a, b / 110), read where mask [B, 1, H, W] is 1.

    The mask is float: 1 where the color is known, else 0.
    """

    ab: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> "Hints":
        """The same on a device."""
        return Hints(self.ab.to(device), self.mask.to(device))

    def split(self, size: int) -> list["Hints"]:
        """Those of `size` images each."""
        pairs = zip(self.ab.split(size), self.mask.split(size), strict=True)
        return [Hints(ab, mask) for ab, mask in pairs]

    def pad_to_multiple(self, multiple: int) -> "Hints":
        """With rows and columns where nothing is known, until `multiple` divides H and W."""
        padding = (0, -self.mask.shape[-1] % multiple, 0, -self.mask.shape[-2] % multiple)
        if not any(padding):
            return self
        return Hints(F.pad(self.ab, padding), F.pad(self.mask, padding))

    def at_stride(self, stride: int) -> Tensor:
        """[B, CHANNELS, H / stride, W / stride]: the mean of what is known in each cell."""
        covered = F.avg_pool2d(self.mask, stride)
        # The smallest share that is not 0 is one pixel's.
        mean = F.avg_pool2d(self.ab * self.mask, stride) / covered.clamp(min=0.5 / stride**2)
        return torch.cat((mean, (covered > 0).to(mean.dtype), covered), dim=1)


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


class HintBranches(nn.Module):
    """A U-Net's branches: one at the deepest map, one where each level of the decoder begins, and
    the attention. `levels` are the channels to add to, by stride; `attended` those of the level of
    ATTENTION_STRIDE, 0 where there is none.
    """

    def __init__(self, levels: dict[int, int], attended: int) -> None:
        super().__init__()
        self.local = nn.ModuleDict({str(stride): HintBranch(n) for stride, n in levels.items()})
        self.attention = HintAttention(attended) if attended else None

    def forward(self, hints: Hints) -> dict[int, Tensor]:
        """What is added at each stride."""
        return {
            int(stride): branch(hints.at_stride(int(stride)))
            for stride, branch in self.local.items()
        }

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
