"""What a person says of a picture's colors, as a model takes it."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT

CHANNELS = 4  # of hints at a stride: a and b, known or not, share of pixels that are known
PALETTE = BIN_COUNT + 3  # what `palette` gives
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
