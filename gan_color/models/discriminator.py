"""Discriminators on [L, ab]: the patch discriminator of pix2pixHD at several scales.

pix2pixHD: Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2. They return every
feature map, shallow to deep, the logits last, which is what feature matching reads.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.losses import ScaleFeatures
from gan_color.models.layers import SelfAttention


class PatchDiscriminator(nn.Module):
    """PatchGAN: `layers` strided 4 x 4 convolutions of doubling width, one more, then logits.

    Three layers see 70 x 70 pixels a patch. Width is capped at 8 times `width`, as published.
    """

    def __init__(
        self,
        inputs: int = 3,
        layers: int = 3,
        width: int = 64,
        norm: Literal["spectral", "instance", "none"] = "spectral",
        attention: bool = False,
    ) -> None:
        super().__init__()
        # Kernel 4 with padding 2, as in pix2pixHD's code.
        plan = [(inputs, width, 2)]
        for i in range(1, layers + 1):
            stride = 2 if i < layers else 1
            plan.append((min(width << (i - 1), width * 8), min(width << i, width * 8), stride))
        stages = []
        for i, (before, after, stride) in enumerate(plan):
            conv = nn.Conv2d(before, after, 4, stride=stride, padding=2)
            stage: list[nn.Module] = [spectral_norm(conv) if norm == "spectral" else conv]
            if norm == "instance" and i > 0:
                stage.append(nn.InstanceNorm2d(after))
            stage.append(nn.LeakyReLU(0.2, inplace=True))
            if attention and i == layers - 1:
                stage.append(SelfAttention(after, "spectral" if norm == "spectral" else "none"))
            stages.append(nn.Sequential(*stage))
        logits = nn.Conv2d(plan[-1][1], 1, 4, padding=2)
        stages.append(nn.Sequential(spectral_norm(logits) if norm == "spectral" else logits))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x [B, inputs, H, W] -> feature maps, the logits [B, 1, h, w] last."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class MultiscaleDiscriminator(nn.Module):
    """The same discriminator, with weights of its own, at full, half, quarter ... size."""

    def __init__(
        self,
        scales: int = 3,
        layers: int = 3,
        width: int = 64,
        norm: Literal["spectral", "instance", "none"] = "spectral",
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            PatchDiscriminator(3, layers, width, norm, attention) for _ in range(scales)
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
