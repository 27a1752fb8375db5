"""What a person says of a picture's colors, and the branches through which a U-Net takes it.

After Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors",
https://arxiv.org/abs/1705.02999, section 3.2 (local hints network, global hints network). Nothing
here has a bias, so that where nothing is hinted exactly 0 is added, whatever was learned.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_color.color.ab_bins import BIN_COUNT

CHANNELS = 4  # of hints at a stride: a and b, known or not, share of pixels that are known
ATTENTION_STRIDE = 8  # the level at which a hint reaches whatever resembles its place
BRANCH_CHANNELS = 64  # of a branch, at most
HEADS, HEAD_CHANNELS = 2, 32
PALETTE = BIN_COUNT + 3  # what `palette` gives
PALETTE_CHANNELS = 128
CHROMA_SCALE = 10.0  # of a mean chroma, which is about 0.1: brings it near 1


@dataclass(frozen=True)
class Hints:
    """Local hints: ab [B, 2, H, W] in -1..1 (Lab a, b / 110), read where mask [B, 1, H, W] is 1.

    The mask is float: 1 where the color is known, else 0. `palette` [B, PALETTE] are global hints,
    as the function of that name gives them; none: nothing is known.
    """

    ab: Tensor
    mask: Tensor
    palette: Tensor | None = None

    @classmethod
    def none(cls, L: Tensor) -> "Hints":
        """Those of L [B, 1, H, W] of which nothing is known."""
        return cls(L.new_zeros(len(L), 2, *L.shape[-2:]), torch.zeros_like(L))

    def to(self, device: torch.device) -> "Hints":
        """The same on a device."""
        palette = None if self.palette is None else self.palette.to(device)
        return Hints(self.ab.to(device), self.mask.to(device), palette)

    def split(self, size: int) -> list["Hints"]:
        """Those of `size` images each."""
        locals_ = zip(self.ab.split(size), self.mask.split(size), strict=True)
        palettes = [None] * len(self.mask) if self.palette is None else self.palette.split(size)
        return [Hints(*local, palette) for local, palette in zip(locals_, palettes, strict=False)]

    def pad_to_multiple(self, multiple: int) -> "Hints":
        """With rows and columns where nothing is known, until `multiple` divides H and W."""
        padding = (0, -self.mask.shape[-1] % multiple, 0, -self.mask.shape[-2] % multiple)
        if not any(padding):
            return self
        return replace(self, ab=F.pad(self.ab, padding), mask=F.pad(self.mask, padding))

    def at_stride(self, stride: int) -> Tensor:
        """[B, CHANNELS, H / stride, W / stride]: the mean of what is known in each cell."""
        covered = F.avg_pool2d(self.mask, stride)
        # The smallest share that is not 0 is one pixel's.
        mean = F.avg_pool2d(self.ab * self.mask, stride) / covered.clamp(min=0.5 / stride**2)
        return torch.cat((mean, (covered > 0).to(mean.dtype), covered), dim=1)


def palette(shares: Tensor, shares_known: Tensor, chroma: Tensor, chroma_known: Tensor) -> Tensor:
    """Global hints [B, PALETTE]: the distribution of colors, `shares` [B, 313] of the ab bins, and
    the mean chroma [B] (of ab in -1..1), each read where its `known` [B] is 1 and not 0.

    Roots of shares are given, so that what covers little of the picture is seen beside its grays.
    """
    roots = shares.sqrt() * shares_known[:, None]
    amounts = (shares_known, CHROMA_SCALE * chroma * chroma_known, chroma_known)
    return torch.cat((roots, torch.stack(amounts, dim=1)), dim=1)


def mean_chroma(ab: Tensor) -> Tensor:
    """[B], of ab [B, 2, H, W], in its units."""
    means: Tensor = ab.square().sum(dim=1).sqrt().mean(dim=(1, 2))
    return means


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
