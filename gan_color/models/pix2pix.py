"""pix2pix: Isola, Zhu, Zhou and Efros 2017, https://arxiv.org/abs/1611.07004, as in the authors'
colorization model (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix).

A U-Net of 4 x 4 convolutions of stride 2 down to one position (unet_256: eight of them; unet_128:
seven), transposed convolutions back up, dropout as noise while it trains.
"""

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from gan_color.losses.pixel import pixel_loss
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.layers import normal_init

WIDEST = 8  # channels stop growing at this many times `base_channels`
DROPPED = 3  # 512-channel blocks after the innermost that have dropout


class Pix2PixOptions(ModelOptions):
    """Options of the generator."""

    num_downs: int = Field(8, ge=5, le=9, description="8: unet_256, 7: unet_128")
    base_channels: int = Field(64, ge=2, description="channels of the first convolution")
    dropout: float = Field(0.5, ge=0, lt=1)
    l1: float = Field(100.0, ge=0, description="weight of the L1 term (section 3.3)")


class Pix2Pix(Colorizer[Pix2PixOptions]):
    """L -> ab, by the U-Net of pix2pix."""

    paper = "https://arxiv.org/abs/1611.07004"
    Options: ClassVar[type[ModelOptions]] = Pix2PixOptions

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {"unet_256": {}, "unet_128": {"num_downs": 7}}

    def __init__(self, options: Pix2PixOptions) -> None:
        super().__init__(options)
        self.stride = 2**options.num_downs
        widths = [min(2**i, WIDEST) * options.base_channels for i in range(options.num_downs)]
        downs, ups = [], []
        for i, width in enumerate(widths):
            before = widths[i - 1] if i else 1
            outermost, innermost = i == 0, i == options.num_downs - 1
            normed = not outermost and not innermost  # one position has no statistics
            conv = nn.Conv2d(before, width, 4, 2, padding=1, bias=False)
            activation = [] if outermost else [nn.LeakyReLU(0.2)]
            norm = [nn.BatchNorm2d(width)] if normed else []
            downs.append(nn.Sequential(*activation, conv, *norm))
            inputs, outputs = width if innermost else 2 * width, 2 if outermost else before
            back = nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1, bias=outermost)
            after: list[nn.Module] = [nn.Tanh()] if outermost else [nn.BatchNorm2d(outputs)]
            last = options.num_downs - 1
            if last - DROPPED <= i < last and width == WIDEST * options.base_channels == before:
                after.append(nn.Dropout(options.dropout))
            ups.append(nn.Sequential(nn.ReLU(), back, *after))
        self.downs = nn.ModuleList(downs)
        self.ups = nn.ModuleList(ups[::-1])
        normal_init(self)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> ab [B, 2, H, W] in -1..1."""
        height, width = L.shape[-2:]
        x = pad_to_multiple(L, self.stride)
        skips: list[Tensor] = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        skips.pop()
        for i, up in enumerate(self.ups):
            x = up(torch.cat((skips.pop(), x), dim=1) if i else x)
        ab: Tensor = x[..., :height, :width]
        return ab

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """100 x L1 (equation 3)."""
        return {"pixel": self.options.l1 * pixel_loss(output, batch.ab, "l1")}
