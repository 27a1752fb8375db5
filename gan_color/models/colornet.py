"""The U-Net of the ColorNet report, in both its flows: from L, and from plain gray.

Source: https://github.com/TheDetial/Make-Fashion, folder Automatic-Image-Colorization
(models/colored_model_v1.py, datasets/, main_train.py, README.md). Its README names as faults that
plain gray is read for L, max-pooling, transposed convolutions (their checkerboard), and chroma
moved to 0..1 as (ab + 128) / 255. Each is an option, mended by default: strided convolutions,
sub-pixel convolutions (gan_color.models.layers), chroma scaled around 0 and bounded.
configs/colornet_report.yml is the report's network, exactly; the default is a level shallower.
"""

import itertools
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan_color.color.lab import AB_SCALE, gray_value
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.layers import PixelShuffleUp, zero_bias

# ab = 255 y - 128: neutral is y = 128 / 255.
MINMAX_SPAN, MINMAX_LOW = 255.0, 128.0


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)  # BatchNorm has one
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs), _convolution(outputs, outputs))


def _he_init(network: nn.Module) -> None:
    """The report's start, in place: weights of convolutions, but not of transposed ones, from
    N(0, 2 / fan out); BatchNorm stays 1 and 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class ColorNetOptions(ModelOptions):
    """Options; configs/colornet_report.yml has those of the report's network."""

    flow: Literal["L", "gray"] = Field("L", description="what the network reads")
    channels: tuple[int, ...] = Field((64, 128, 256, 512), min_length=2, description="per level")
    down: Literal["strided", "max"] = "strided"
    up: Literal["shuffle", "transposed"] = "shuffle"
    scaling: Literal["signed", "minmax"] = Field(
        "signed", description="ab / 110 | (ab + 128) / 255"
    )
    head: Literal["bounded", "linear"] = Field(
        "bounded", description="tanh or sigmoid, as the scaling has it | the report's: neither"
    )
    lightness_max: float = Field(
        100.0, gt=0, description="L* that the L flow reads as 1; the report: 255"
    )
    init: Literal["default", "he"] = Field(
        "default", description="PyTorch's | the report's: He et al. 2015, fan out"
    )


class ColorNet(Colorizer[ColorNetOptions]):
    """L or gray -> ab, by a U-Net trained from scratch."""

    paper = "https://github.com/TheDetial/Make-Fashion (Automatic-Image-Colorization)"
    Options: ClassVar[type[ModelOptions]] = ColorNetOptions

    def __init__(self, options: ColorNetOptions) -> None:
        super().__init__(options)
        channels = options.channels
        self.stride = 2 ** (len(channels) - 1)
        self.encoders = nn.ModuleList(_level(a, b) for a, b in itertools.pairwise((1, *channels)))
        self.downs = nn.ModuleList(
            nn.MaxPool2d(2) if options.down == "max" else _convolution(width, width, 2)
            for width in channels[:-1]
        )
        falling = list(itertools.pairwise(channels[::-1]))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 2, 2)
            if options.up == "transposed"
            else PixelShuffleUp(a, b, "batch", blur=True)
            for a, b in falling
        )
        self.decoders = nn.ModuleList(_level(2 * b, b) for _, b in falling)
        self.head = nn.Conv2d(channels[0], 2, 1)
        if options.init == "he":
            _he_init(self)
        else:
            zero_bias(self.head)  # neutral, to 0.2 %, in both scalings where the head is bounded

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> [B, 2, H, W]: ab, or its min-max scaling in 0..1."""
        height, width = L.shape[-2:]
        # The report's flows: lightness, and the gray value. They differ by a cube root.
        if self.options.flow == "L":
            x = (L + 1) * (50 / self.options.lightness_max)
        else:
            x = gray_value(L)
        x = pad_to_multiple(x, self.stride)
        skips = []
        for encode, down in zip(self.encoders[:-1], self.downs, strict=True):
            x = encode(x)
            skips.append(x)
            x = down(x)
        x = self.encoders[-1](x)
        for up, decode, skip in zip(self.ups, self.decoders, skips[::-1], strict=True):
            x = decode(torch.cat((up(x), skip), dim=1))
        color: Tensor = self.head(x)[..., :height, :width]
        if self.options.head == "linear":
            return color
        return torch.tanh(color) if self.options.scaling == "signed" else torch.sigmoid(color)

    def decode(self, output: Tensor) -> Tensor:
        if self.options.scaling == "signed":
            return output.clamp(-1, 1) if self.options.head == "linear" else output
        return ((output.float() * MINMAX_SPAN - MINMAX_LOW) / AB_SCALE).clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error in the scale of the output."""
        target = batch.ab
        if self.options.scaling == "minmax":
            target = (target * AB_SCALE + MINMAX_LOW) / MINMAX_SPAN
        return {"pixel": F.mse_loss(output.float(), target)}
