"""The autoencoders of E. Wallner's tutorial, https://github.com/emilwallner/Coloring-greyscale-images:
alpha, which learns one photograph by heart, and beta, for many.

3 x 3 convolutions with ReLU, nearest-neighbor upsampling, tanh; L as 0..100, ab / 128, mean
squared error; weights drawn as Keras does (Glorot and Bengio 2010).
"""

from typing import ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan_color.color.lab import AB_SCALE
from gan_color.models.base import Batch, Colorizer, ModelOptions, check_multiple
from gan_color.models.layers import zero_bias

AB_RANGE = 128.0
STRIDE = 8
UP = 0  # in a plan: upsample; a negative number: a convolution of stride 2
# The notebooks' layers, by their channels.
ALPHA_PLAN = (-8, 8, 16, -16, 32, -32, UP, 32, UP, 16, UP, 2)
BETA_PLAN = (64, -64, 128, -128, 256, -256, 512, 256, 128, UP, 64, UP, 32, 2, UP)


class AutoencoderOptions(ModelOptions):
    """Options of both."""

    width_mult: float = Field(1.0, gt=0, description="multiplies the channels of every layer")


class Autoencoder(Colorizer[AutoencoderOptions]):
    """A plan of convolutions: L -> ab / 128."""

    paper = "https://github.com/emilwallner/Coloring-greyscale-images"
    Options: ClassVar[type[ModelOptions]] = AutoencoderOptions
    plan: ClassVar[tuple[int, ...]]

    def __init__(self, options: AutoencoderOptions) -> None:
        super().__init__(options)
        self.stride = STRIDE
        layers: list[nn.Module] = []
        inputs, last = 1, max(i for i, step in enumerate(self.plan) if step)
        for i, step in enumerate(self.plan):
            if step == UP:
                layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
                continue
            outputs = 2 if i == last else max(1, round(abs(step) * options.width_mult))
            conv = nn.Conv2d(inputs, outputs, 3, 2 if step < 0 else 1, padding=1)
            nn.init.xavier_uniform_(conv.weight)
            zero_bias(conv)
            layers += [conv, nn.Tanh() if i == last else nn.ReLU(inplace=True)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> ab / 128 [B, 2, H, W]; H and W multiples of 8."""
        check_multiple(L, STRIDE, "autoencoder")
        out: Tensor = self.layers(50 * (L + 1))
        return out

    def decode(self, output: Tensor) -> Tensor:
        return (output.float() * (AB_RANGE / AB_SCALE)).clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of ab / 128."""
        return {"pixel": F.mse_loss(output.float(), batch.ab * (AB_SCALE / AB_RANGE))}


class AlphaAutoencoder(Autoencoder):
    """The one-image network."""

    plan = ALPHA_PLAN


class BetaAutoencoder(Autoencoder):
    """The many-image network."""

    plan = BETA_PLAN
