"""Blocks of DeOldify's generators (deoldify/unet.py and layers.py at 554c23a, and fastai 1's)."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.models.layers import Convolution, SaganAttention, zero_bias

SKIP_BIAS = 1e-3  # fastai's start of BatchNorm


class Shuffle(nn.Module):
    """1 x 1 convolution, BatchNorm, PixelShuffle, ReLU, and a 2 x 2 mean; ICNR start.

    The last one of a network is not `normed`: there a weight norm stands in the source for spectral
    norm and BatchNorm, which is another parametrization of the plain weights here.
    """

    def __init__(self, inputs: int, outputs: int, normed: bool = True) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, 4 * outputs, 1, bias=not normed)
        with torch.no_grad():
            seed = nn.init.kaiming_normal_(torch.empty(outputs, inputs, 1, 1))
            conv.weight.copy_(seed.repeat_interleave(4, dim=0))
        zero_bias(conv)
        self.conv = spectral_norm(conv) if normed else conv
        self.norm = nn.BatchNorm2d(4 * outputs) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.pixel_shuffle(self.norm(self.conv(x)), 2))
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class Block(nn.Module):
    """Twice the size, the encoder's map of that size, ReLU, and `convolutions` of 3 x 3."""

    def __init__(
        self,
        inputs: int,
        skip: int,
        enlarged: int,
        outputs: int,
        convolutions: int,
        attention: bool,
    ) -> None:
        super().__init__()
        self.up = Shuffle(inputs, enlarged)
        self.skip_norm = nn.BatchNorm2d(skip)
        nn.init.constant_(self.skip_norm.bias, SKIP_BIAS)
        widths = [enlarged + skip] + [outputs] * convolutions
        self.convolve = nn.Sequential(
            *(Convolution(a, b, 3, "both", bias=False) for a, b in itertools.pairwise(widths))
        )
        self.attention = SaganAttention(outputs, "spectral") if attention else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined = F.relu(torch.cat((self.up(x), self.skip_norm(skip)), dim=1))
        out: Tensor = self.attention(self.convolve(joined))
        return out


class Residual(nn.Sequential):
    """Two 3 x 3 convolutions, each with ReLU, added to what they are given."""

    def __init__(self, channels: int) -> None:
        super().__init__(*(Convolution(channels, channels, 3, "spectral") for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + super().forward(x)
        return out
