"""The generator of E. Wallner's GAN, https://github.com/emilwallner/Coloring-greyscale-images
(GAN-version): pix2pix' U-Net made thinner, with spectral norm and self-attention.

4 x 4 convolutions, stride 2 down, nearest-neighbor upsampling, 512 channels of self-attention at
stride 4, a 7 x 7 head. configs/wallner_gan.yml has the source's scales, L* / 100 and ab / 128.
"""

import itertools
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.color.lab import AB_SCALE
from gan_color.losses.pixel import pixel_loss
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.layers import SaganAttention

DOWN = (2, 4, 8, 8, 8, 8)  # channels, in units of `base_channels`
UP = (8, 8, 8, 4, 2)


class WallnerGanOptions(ModelOptions):
    """Options of the generator."""

    base_channels: int = Field(64, ge=2, description="unit of channels")
    mae: float = Field(1.0, ge=0, description="weight of the mean absolute error")
    lightness: Literal["signed", "unit"] = Field("signed", description="-1..1 | the source's 0..1")
    ab_range: float = Field(110.0, gt=0, description="a*, b* of an output of 1; the source: 128")


def _down(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 4, 2, padding=1)
    return nn.Sequential(spectral_norm(conv), nn.LeakyReLU(0.2, inplace=True))


def _up(inputs: int, outputs: int) -> nn.Sequential:
    # Keras' "same" for a kernel of 4: one before, two after.
    pad = nn.ZeroPad2d((1, 2, 1, 2))
    conv = spectral_norm(nn.Conv2d(inputs, outputs, 4))
    upsample = nn.Upsample(scale_factor=2, mode="nearest")
    return nn.Sequential(upsample, pad, conv, nn.ReLU(inplace=True))


class WallnerGan(Colorizer[WallnerGanOptions]):
    """L -> ab, by a thin spectral-norm U-Net with attention."""

    paper = "https://github.com/emilwallner/Coloring-greyscale-images (GAN-version)"
    Options: ClassVar[type[ModelOptions]] = WallnerGanOptions

    def __init__(self, options: WallnerGanOptions) -> None:
        super().__init__(options)
        self.stride = 2 ** len(DOWN)
        widths = [1, *(units * options.base_channels for units in DOWN)]
        self.downs = nn.ModuleList(_down(a, b) for a, b in itertools.pairwise(widths))
        inputs, skips = widths[-1], widths[-2:0:-1]
        ups, joined = [], []
        for units, skip in zip(UP, skips, strict=True):
            ups.append(_up(inputs, units * options.base_channels))
            inputs = units * options.base_channels + skip
            joined.append(inputs)
        self.ups = nn.ModuleList(ups)
        self.attention = SaganAttention(joined[-2], "none", bias=True)
        upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Sequential(upsample, spectral_norm(nn.Conv2d(inputs, 2, 7, padding=3)))

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> ab [B, 2, H, W] over `ab_range`, in -1..1."""
        height, width = L.shape[-2:]
        x = pad_to_multiple(L, self.stride)
        if self.options.lightness == "unit":
            x = (x + 1) / 2
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        for i, (up, skip) in enumerate(zip(self.ups, skips[-2::-1], strict=True)):
            x = torch.cat((up(x), skip), dim=1)
            if i == len(UP) - 2:
                x = self.attention(x)
        return torch.tanh(self.head(x)[..., :height, :width])

    def decode(self, output: Tensor) -> Tensor:
        if self.options.ab_range == AB_SCALE:
            return output
        return (output.float() * (self.options.ab_range / AB_SCALE)).clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Mean absolute error in the scale of the output; what fools and matches the
        discriminators is the stage's.
        """
        target = batch.ab * (AB_SCALE / self.options.ab_range)
        return {"pixel": self.options.mae * pixel_loss(output, target, "l1")}
