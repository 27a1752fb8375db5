"""Patch discriminators on [L, ab], at one scale and at several.

pix2pixHD: Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2; pix2pix: Isola et al.
2017, https://arxiv.org/abs/1611.07004. They return every feature map, shallow to deep, the logits
last, which is what feature matching reads.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.losses.gan import ScaleFeatures
from gan_color.models.discriminators.base import Discriminator
from gan_color.models.discriminators.config import DiscriminatorNorm, MatchedFeatures, Padding
from gan_color.models.discriminators.normalized_layer import NormalizedConv2d
from gan_color.models.layers import SelfAttention

KERNEL = 4


class SameConv2d(nn.Conv2d):
    """4 x 4 convolution with Keras' "same" padding: H -> ceil(H / stride); an odd pixel of padding
    goes to the end.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, bias: bool) -> None:
        super().__init__(inputs, outputs, KERNEL, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        height, width = (_same_padding(side, self.stride[0]) for side in x.shape[-2:])
        return super().forward(F.pad(x, (*width, *height)))


def _same_padding(side: int, stride: int) -> tuple[int, int]:
    total = max((-(-side // stride) - 1) * stride + KERNEL - side, 0)
    return total // 2, total - total // 2


def _convolution(
    inputs: int, outputs: int, stride: int, padding: Padding, bias: bool = True
) -> nn.Conv2d:
    if padding == "same":
        return SameConv2d(inputs, outputs, stride, bias)
    return nn.Conv2d(inputs, outputs, KERNEL, stride, padding=padding, bias=bias)


class PatchDiscriminator(nn.Module):
    """PatchGAN: `num_layers` strided 4 x 4 convolutions of doubling width, one more, then logits.

    Three layers see 70 x 70 pixels a patch. The channels stop growing at 8 times `base_channels`,
    as in pix2pix; pix2pixHD stops at 512, which is the same at its own 64 `base_channels`.
    `padding` is 2 in pix2pixHD's code, 1 in pix2pix', "same" in E. Wallner's, which also matches
    "linear" features: the maps before their activation. `san` normalizes the last layer.
    """

    def __init__(
        self,
        inputs: int = 3,
        num_layers: int = 3,
        base_channels: int = 64,
        norm: DiscriminatorNorm = "spectral",
        attention: bool = False,
        padding: Padding = 2,
        matched_features: MatchedFeatures = "activated",
        san: bool = False,
    ) -> None:
        super().__init__()
        self.linear = matched_features == "linear"
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
            conv = _convolution(before, after, stride, padding, bias=normed != "batch")
            stage: list[nn.Module] = [spectral_norm(conv) if norm == "spectral" else conv]
            if normed == "instance":
                stage.append(nn.InstanceNorm2d(after))
            if normed == "batch":
                stage.append(nn.BatchNorm2d(after))
            stage.append(nn.LeakyReLU(0.2, inplace=not self.linear))
            if attention and i == num_layers - 1:
                stage.append(SelfAttention(after, "spectral" if norm == "spectral" else "none"))
            stages.append(nn.Sequential(*stage))
        if san:
            logits: nn.Module = NormalizedConv2d(plan[-1][1], KERNEL, padding)
        else:
            logits = _convolution(plan[-1][1], 1, 1, padding)
            logits = spectral_norm(logits) if norm == "spectral" else logits
        stages.append(nn.Sequential(logits))
        self.stages = nn.ModuleList(stages)

    def direction_logits(self, features: list[Tensor]) -> Tensor:
        """SAN's second logits, which teach the last layer its direction, of what `forward` gave."""
        last_stage = self.stages[-1]
        assert isinstance(last_stage, nn.Sequential)
        last = last_stage[0]
        assert isinstance(last, NormalizedConv2d)
        return last.direction_logits(features[-2])

    def forward(self, x: Tensor) -> list[Tensor]:
        """x [B, inputs, H, W] -> feature maps, the logits [B, 1, h, w] last."""
        features = []
        for stage in self.stages:
            assert isinstance(stage, nn.Sequential)
            for layer in stage:
                if self.linear and isinstance(layer, nn.LeakyReLU):
                    features.append(x)
                x = layer(x)
            if not self.linear:
                features.append(x)
        return [*features, x] if self.linear else features


def _halved(x: Tensor, pool: Literal[2, 3]) -> Tensor:
    """Half the size, rounded up, by means of 3 x 3 pixels as in pix2pixHD, or of 2 x 2."""
    if pool == 3:
        return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
    return F.avg_pool2d(x, 2, ceil_mode=True)


class MultiscaleDiscriminator(Discriminator):
    """The same discriminator, with weights of its own, at full, half, quarter ... size."""

    def __init__(
        self,
        num_discriminators: int = 3,
        num_layers: int = 3,
        base_channels: int = 64,
        norm: DiscriminatorNorm = "spectral",
        attention: bool = False,
        padding: Padding = 2,
        pool: Literal[2, 3] = 3,
        matched_features: MatchedFeatures = "activated",
        san: bool = False,
    ) -> None:
        super().__init__()
        self.pool, self.san = pool, san
        self.discriminators = nn.ModuleList(
            PatchDiscriminator(
                3, num_layers, base_channels, norm, attention, padding, matched_features, san
            )
            for _ in range(num_discriminators)
        )

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        """L [B, 1, H, W] and ab [B, 2, H, W] -> features per scale, finest first."""
        x = torch.cat((L, ab), dim=1)
        features = []
        for i, discriminator in enumerate(self.discriminators):
            if i:
                x = _halved(x, self.pool)
            features.append(discriminator(x))
        return features

    def direction_logits(self, features: ScaleFeatures) -> list[Tensor]:
        if not self.san:
            return []
        logits = []
        for discriminator, maps in zip(self.discriminators, features, strict=True):
            assert isinstance(discriminator, PatchDiscriminator)
            logits.append(discriminator.direction_logits(maps))
        return logits
