"""Patch discriminators on [L, ab], at one scale and at several.

pix2pixHD: Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2; pix2pix: Isola et al.
2017, https://arxiv.org/abs/1611.07004. They return every feature map, shallow to deep, the logits
last, which is what feature matching reads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.losses.gan import ScaleFeatures
from gan_color.models.discriminators.base import Discriminator
from gan_color.models.discriminators.config import DiscriminatorNorm
from gan_color.models.layers import SelfAttention


class PatchDiscriminator(nn.Module):
    """PatchGAN: `num_layers` strided 4 x 4 convolutions of doubling width, one more, then logits.

    Three layers see 70 x 70 pixels a patch. The channels stop growing at 8 times `base_channels`,
    as in pix2pix; pix2pixHD stops at 512, which is the same at its own 64 `base_channels`.
    `padding` is 2 in pix2pixHD's code and 1 in pix2pix'.
    """

    def __init__(
        self,
        inputs: int = 3,
        num_layers: int = 3,
        base_channels: int = 64,
        norm: DiscriminatorNorm = "spectral",
        attention: bool = False,
        padding: int = 2,
    ) -> None:
        super().__init__()
        plan = [(inputs, base_channels, 2)]
        for i in range(1, num_layers + 1):
            stride = 2 if i < num_layers else 1
            plan.append(
                (
                    min(base_channels << (i - 1), base_channels * 8),
                    min(base_channels << i, base_channels * 8),
                    stride,
                )
            )
        stages = []
        for i, (before, after, stride) in enumerate(plan):
            normed = norm if i > 0 else "none"
            conv = nn.Conv2d(
                before, after, 4, stride=stride, padding=padding, bias=normed != "batch"
            )
            stage: list[nn.Module] = [spectral_norm(conv) if norm == "spectral" else conv]
            if normed == "instance":
                stage.append(nn.InstanceNorm2d(after))
            if normed == "batch":
                stage.append(nn.BatchNorm2d(after))
            stage.append(nn.LeakyReLU(0.2, inplace=True))
            if attention and i == num_layers - 1:
                stage.append(SelfAttention(after, "spectral" if norm == "spectral" else "none"))
            stages.append(nn.Sequential(*stage))
        logits = nn.Conv2d(plan[-1][1], 1, 4, padding=padding)
        stages.append(nn.Sequential(spectral_norm(logits) if norm == "spectral" else logits))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x [B, inputs, H, W] -> feature maps, the logits [B, 1, h, w] last."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class MultiscaleDiscriminator(Discriminator):
    """The same discriminator, with weights of its own, at full, half, quarter ... size."""

    def __init__(
        self,
        num_discriminators: int = 3,
        num_layers: int = 3,
        base_channels: int = 64,
        norm: DiscriminatorNorm = "spectral",
        attention: bool = False,
        padding: int = 2,
    ) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            PatchDiscriminator(3, num_layers, base_channels, norm, attention, padding)
            for _ in range(num_discriminators)
        )

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        """L [B, 1, H, W] and ab [B, 2, H, W] -> features per scale, finest first."""
        x = torch.cat((L, ab), dim=1)
        features = []
        for i, discriminator in enumerate(self.discriminators):
            if i:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            features.append(discriminator(x))
        return features
