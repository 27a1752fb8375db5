"""SAN's last layer: the discriminator's features and the direction they are seen along, apart.

Takida et al. 2024, "SAN: Inducing Metrizability of GAN with Discriminative Normalized Linear
Layer", https://arxiv.org/abs/2301.12811. The adversarial loss teaches the features, and
how far they are scaled; the direction learns from a loss of its own, which turns it to where real
and fake features are farthest apart.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from gan_color.models.discriminators.config import Padding


class NormalizedConv2d(nn.Conv2d):
    """A convolution to one channel of logits, without bias, whose weight has a length and a
    direction.
    """

    def __init__(self, inputs: int, kernel: int, padding: Padding) -> None:
        super().__init__(inputs, 1, kernel, padding=padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, inputs, H, W] -> logits [B, 1, h, w], which no gradient of turns the direction."""
        length: Tensor = self.weight.norm()
        return length * F.conv2d(x, (self.weight / length).detach(), padding=self.padding)

    def direction_logits(self, x: Tensor) -> Tensor:
        """The same logits, with a gradient that turns the direction and reaches nothing else."""
        length: Tensor = self.weight.norm()
        return length.detach() * F.conv2d(x.detach(), self.weight / length, padding=self.padding)
