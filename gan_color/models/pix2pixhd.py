"""The global generator of pix2pixHD: Wang et al. 2018, https://arxiv.org/abs/1711.11585, section
3.1, as in https://github.com/NVIDIA/pix2pixHD.

Strided convolutions, residual blocks at the smallest size, transposed convolutions back. Instance
norm, without affine parameters, takes absolute brightness away: a weakness for color.
"""

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from gan_color.losses.pixel import pixel_loss
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple


class Pix2PixHDOptions(ModelOptions):
    """Options of the global generator."""

    num_downs: int = Field(
        4, ge=1, le=5, description="strided convolutions; channels double at each"
    )
    blocks: int = Field(9, ge=0, description="residual blocks")
    base_channels: int = Field(64, ge=2, description="channels of the first convolution")
    l1: float = Field(0.0, ge=0, description="weight of an L1 term, which the paper has not")


def _reflected(channels: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(channels, outputs, kernel)]


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_reflected(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            *_reflected(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


class Pix2PixHD(Colorizer[Pix2PixHDOptions]):
    """L -> ab, by the global generator."""

    paper = "https://arxiv.org/abs/1711.11585"
    Options: ClassVar[type[ModelOptions]] = Pix2PixHDOptions

    def __init__(self, options: Pix2PixHDOptions) -> None:
        super().__init__(options)
        # Reflection and instance norm need more than one position at the smallest size.
        self.stride = 2**options.num_downs
        width = options.base_channels
        layers: list[nn.Module] = [
            *_reflected(1, width, 7),
            nn.InstanceNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        for _ in range(options.num_downs):
            conv = nn.Conv2d(width, 2 * width, 3, 2, padding=1)
            layers += [conv, nn.InstanceNorm2d(2 * width), nn.ReLU(inplace=True)]
            width *= 2
        layers += [_Residual(width) for _ in range(options.blocks)]
        for _ in range(options.num_downs):
            back = nn.ConvTranspose2d(width, width // 2, 3, 2, padding=1, output_padding=1)
            layers += [back, nn.InstanceNorm2d(width // 2), nn.ReLU(inplace=True)]
            width //= 2
        self.layers = nn.Sequential(*layers, *_reflected(width, 2, 7), nn.Tanh())
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> ab [B, 2, H, W] in -1..1."""
        height, width = L.shape[-2:]
        # Two positions a side at least where the network is smallest.
        smallest = 2 * self.stride
        padded = pad_to_multiple(L, smallest if min(height, width) < smallest else self.stride)
        out: Tensor = self.layers(padded)[..., :height, :width]
        return out

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """L1, where it is asked for; the stage's terms carry the paper's objective."""
        return {"pixel": self.options.l1 * pixel_loss(output, batch.ab, "l1")}
