"""Building blocks of the generator's decoder."""

import itertools
import math
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Normalization = Literal["spectral", "batch", "both", "spectral_group", "none"]
GROUPS = 32  # of GroupNorm at most: Wu and He 2018, https://arxiv.org/abs/1803.08494, table 3


def zero_bias(layer: nn.Module) -> None:
    """Fill a layer's bias, where it has one, with zeros."""
    if isinstance(layer.bias, nn.Parameter):
        nn.init.zeros_(layer.bias)


def create_norm(norm: Normalization, channels: int) -> nn.Module:
    """What `norm` puts after a layer: BatchNorm, GroupNorm (of each image alone), or nothing."""
    if norm in ("batch", "both"):
        return nn.BatchNorm2d(channels)
    if norm == "spectral_group":
        return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
    return nn.Identity()


def normalize_weight(norm: Normalization, layer: nn.Module) -> nn.Module:
    """The layer, with spectral norm where `norm` asks for it."""
    return spectral_norm(layer) if norm in ("spectral", "both", "spectral_group") else layer


def normal_init(network: nn.Module, std: float = 0.02) -> None:
    """pix2pix' start (Isola et al. 2017, section 6.2), in place: weights of convolutions from
    N(0, std), of BatchNorm from N(1, std), biases 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, std)
            zero_bias(module)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std)
            zero_bias(module)


class Convolution(nn.Sequential):
    """Convolution, then ReLU, then a norm (DeOldify's order), with what `norm` asks for."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, norm: Normalization, bias: bool = True
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        nn.init.kaiming_normal_(conv.weight)
        zero_bias(conv)
        layers: list[nn.Module] = [normalize_weight(norm, conv), nn.ReLU(inplace=True)]
        if norm in ("batch", "both", "spectral_group"):
            layers.append(create_norm(norm, outputs))
        super().__init__(*layers)


def _blur(x: Tensor) -> Tensor:
    """Mean of each 2 x 2 window of x [B, C, H, W], whose first row and column count twice.

    Of sums, because they keep nothing for the backward pass, where average pooling keeps its input;
    and because F.pad would give float32 under the CPU's autocast.
    """
    x = x + torch.cat((x[..., :1, :], x[..., :-1, :]), dim=-2)
    return 0.25 * (x + torch.cat((x[..., :1], x[..., :-1]), dim=-1))


class PixelShuffleUp(nn.Module):
    """Twice the size by sub-pixel convolution, with ICNR initialization and an optional blur.

    PixelShuffle: Shi et al. 2016, https://arxiv.org/abs/1609.05158. ICNR makes the start a
    nearest-neighbor upsampling, and the 2 x 2 blur removes what checkerboard is left: Aitken et
    al. 2017, https://arxiv.org/abs/1707.02937, and Sugawara et al. 2018.
    """

    def __init__(self, inputs: int, outputs: int, norm: Normalization, blur: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, 4 * outputs, 1)
        with torch.no_grad():
            seed = torch.empty(outputs, inputs, 1, 1)
            nn.init.kaiming_normal_(seed)
            conv.weight.copy_(seed.repeat_interleave(4, dim=0))
        zero_bias(conv)
        self.conv = normalize_weight(norm, conv)
        self.norm = create_norm(norm, outputs)
        self.blur = blur

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(F.relu(self.conv(x)), 2)  # [B, outputs, 2H, 2W]
        if self.blur:
            x = _blur(x)
        out: Tensor = self.norm(x)
        return out


class SelfAttention(nn.Module):
    """Self-attention over positions, added through a gain that starts at 0.

    SAGAN: Zhang et al. 2018, https://arxiv.org/abs/1805.08318, section 3, as multi-head scaled
    dot-product attention, whose memory is linear in the number of positions.
    """

    def __init__(self, channels: int, norm: Normalization, head_channels: int = 32) -> None:
        super().__init__()
        self.heads = max(1, channels // head_channels)
        wrap = partial(normalize_weight, norm)
        conv = partial(nn.Conv2d, kernel_size=1, bias=False)
        self.to_qkv = wrap(conv(channels, 3 * channels))
        self.to_out = wrap(conv(channels, channels))
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        qkv = self.to_qkv(x).view(B, 3, self.heads, C // self.heads, H * W)
        # [B, heads, H * W, C / heads]. Without memory in that order (which channels_last has) the
        # attention would be computed, and kept, as one matrix of all pairs.
        q, k, v = (part.contiguous() for part in qkv.transpose(-1, -2).unbind(1))
        attended = F.scaled_dot_product_attention(q, k, v)
        attended = attended.transpose(-1, -2).reshape(B, C, H, W)
        out: Tensor = x + self.gain * self.to_out(attended)
        return out


class SaganAttention(nn.Module):
    """Self-attention as SAGAN's section 3 has it: one head, keys and queries of an eighth of the
    channels, no scaling, a gain that starts at 0.
    """

    def __init__(self, channels: int, norm: Normalization, bias: bool = False) -> None:
        super().__init__()
        wrap = partial(normalize_weight, norm)
        conv = partial(nn.Conv2d, channels, kernel_size=1, bias=bias)
        self.query = wrap(conv(channels // 8))
        self.key = wrap(conv(channels // 8))
        self.value = wrap(conv(channels))
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        q, k, v = (
            project(x).view(B, 1, -1, H * W).transpose(2, 3)
            for project in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(q, k, v, scale=1.0)  # [B, 1, H * W, C]
        out: Tensor = x + self.gain * attended.transpose(2, 3).reshape(B, C, H, W)
        return out


class UpBlock(nn.Module):
    """Upsample, join the skip, convolve: one level of the decoder. A level may have no skip."""

    def __init__(
        self,
        inputs: int,
        skip: int,
        outputs: int,
        norm: Normalization,
        blur: bool,
        attention: bool,
        convolutions: int,
    ) -> None:
        super().__init__()
        self.up = PixelShuffleUp(inputs, outputs, norm, blur)
        # Encoder features come at any scale; this one makes them comparable with ours.
        self.skip_norm = create_norm(norm, skip) if skip else nn.Identity()
        widths = [outputs + skip] + [outputs] * convolutions
        self.convolve = nn.Sequential(
            *(Convolution(a, b, 3, norm) for a, b in itertools.pairwise(widths))
        )
        self.attention = SelfAttention(outputs, norm) if attention else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor | None, added: Tensor | None = None) -> Tensor:
        """`added` has the shape of the upsampled x."""
        x = self.up(x)
        if added is not None:
            x = x + added
        if skip is not None:
            x = torch.cat((x, self.skip_norm(skip)), dim=1)
        out: Tensor = self.attention(self.convolve(x))
        return out
