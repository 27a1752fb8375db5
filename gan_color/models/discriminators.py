"""Discriminators: patch discriminators on [L, ab] at several scales, DeOldify's critic on RGB, and
either with a critic on pretrained features beside it.

pix2pixHD: Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2; pix2pix: Isola et al.
2017, https://arxiv.org/abs/1611.07004. They return every feature map, shallow to deep, the logits
last, which is what feature matching reads.
"""

from collections.abc import Mapping
from typing import Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.color.lab import to_rgb
from gan_color.losses.gan import (
    GanMode,
    ScaleFeatures,
    adversarial_loss,
    approximate_r1,
    discriminator_accuracy,
    discriminator_loss,
)
from gan_color.models.feature_critic import FeatureCritic, FeatureCriticConfig
from gan_color.models.layers import SaganAttention, SelfAttention, normal_init, zero_bias
from gan_color.options import Count, Share, Strict

DiscriminatorNorm = Literal["spectral", "instance", "batch", "none"]
DiscriminatorInit = Literal["default", "normal_0.02"]


class DiscriminatorConfig(Strict):
    """Patch discriminators, or DeOldify's critic (gan_color.models.discriminators)."""

    kind: Literal["patch", "critic"] = "patch"
    base_channels: Count = Field(64, description="channels of the first layer")
    num_discriminators: int = Field(3, ge=1, le=5)
    num_layers: int = Field(3, ge=1, le=6)
    norm: DiscriminatorNorm = "spectral"
    attention: bool = False
    padding: Literal[1, 2] = Field(2, description="1: pix2pix, 2: pix2pixHD")
    init: DiscriminatorInit = Field(
        "default", description="PyTorch's, or pix2pix': N(0, 0.02), BatchNorm N(1, 0.02), no bias"
    )
    dropout: Share = Field(0.0, description="of the critic; DeOldify: 0.15")
    negative_slope: Share = Field(0.2, description="slope of the critic's LeakyReLU; 0: ReLU")
    features: FeatureCriticConfig | None = Field(
        None, description="one more critic, on frozen pretrained features, beside these"
    )

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> Self:
        of_others = {
            "patch": ("dropout", "negative_slope"),
            "critic": (
                "num_discriminators",
                "num_layers",
                "norm",
                "attention",
                "padding",
                "init",
            ),
        }[self.kind]
        for name in of_others:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"discriminator.{name}: found {getattr(self, name)!r}, but kind: {self.kind} "
                    "has no such option"
                )
        if self.init != "default" and self.norm == "spectral":
            raise ValueError(
                f"discriminator.init: found {self.init!r}, expected 'default', or another norm: "
                "spectral norm divides the scale of a weight out"
            )
        return self


class Discriminator(nn.Module):
    """Base: L [B, 1, H, W] and ab [B, 2, H, W] -> features per scale, finest first."""

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        raise NotImplementedError

    def loss(
        self,
        gan_mode: GanMode,
        features: ScaleFeatures,
        is_real: bool,
        weights: Tensor | None = None,
    ) -> Tensor:
        """What it minimizes on real (or fake) images, from their features; `weights` [B] are
        the images'.
        """
        return discriminator_loss(gan_mode, features, is_real, weights)

    def approximate_r1(self, features: ScaleFeatures, noisy: ScaleFeatures) -> Tensor:
        """How far it is moved by noise, from its features of images without it and with it."""
        return approximate_r1(features, noisy)

    def adversarial_loss(self, gan_mode: GanMode, fake: ScaleFeatures) -> Tensor:
        """What the generator minimizes."""
        return adversarial_loss(gan_mode, fake)

    def accuracies(
        self, gan_mode: GanMode, real: ScaleFeatures, fake: ScaleFeatures
    ) -> dict[str, Tensor]:
        """How often each discriminator is right, by name."""
        found = discriminator_accuracy(gan_mode, real, fake)
        return {f"accuracy_{i}": value for i, value in enumerate(found)}

    def end_update(self, accuracies: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take note of an update's accuracies, once; returns what else there is to log."""
        return {}


def create_discriminator(config: DiscriminatorConfig, skip_weights: bool = False) -> Discriminator:
    """The discriminator that a configuration's `discriminator` section describes.

    `skip_weights` leaves a pretrained network random, where its work is counted.
    """
    discriminator = _create_alone(config)
    if config.features is None:
        return discriminator
    return WithFeatureCritic(discriminator, FeatureCritic(config.features, skip_weights))


def _create_alone(config: DiscriminatorConfig) -> Discriminator:
    if config.kind == "critic":
        return Critic(config.base_channels, config.negative_slope, config.dropout)
    discriminator = MultiscaleDiscriminator(
        config.num_discriminators,
        config.num_layers,
        config.base_channels,
        config.norm,
        config.attention,
        config.padding,
    )
    if config.init == "normal_0.02":
        normal_init(discriminator)
    return discriminator


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


class Critic(Discriminator):
    """DeOldify's critic, which sees RGB and not L apart; the defaults are its.

    With 64 `base_channels`, `negative_slope` 0 and no dropout it is DDColor's discriminator.
    Sources: https://github.com/jantic/DeOldify (deoldify/critics.py), https://github.com/piddnad/DDColor
    (basicsr/archs/discriminator_arch.py). Images of 64 pixels a side at least.
    """

    def __init__(
        self, base_channels: int = 256, negative_slope: float = 0.2, dropout: float = 0.15
    ) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        channels = [base_channels, 2 * base_channels, 4 * base_channels, 8 * base_channels]
        stages = [self._stage(3, base_channels, 4, 2, dropout / 2)]
        for i in range(3):
            stages.append(self._stage(channels[i], channels[i], 3, 1, dropout))
            attention = [SaganAttention(channels[1], "spectral")] if i == 0 else []
            down = self._stage(channels[i], channels[i + 1], 4, 2, 0.0)
            stages.append(nn.Sequential(*down, *attention))
        stages.append(self._stage(channels[3], channels[3], 3, 1, 0.0))
        stages.append(nn.Sequential(spectral_norm(nn.Conv2d(channels[3], 1, 4, bias=False))))
        self.stages = nn.ModuleList(stages)

    def _stage(
        self, inputs: int, outputs: int, kernel: int, stride: int, dropout: float
    ) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=1)
        nn.init.kaiming_normal_(conv.weight)
        zero_bias(conv)
        activation = nn.LeakyReLU(self.negative_slope, inplace=True)
        return nn.Sequential(spectral_norm(conv), activation, nn.Dropout2d(dropout))

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        """L [B, 1, H, W] and ab [B, 2, H, W] -> one scale's features, the logits last."""
        x, features = to_rgb(L, ab), []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return [features]


class WithFeatureCritic(Discriminator):
    """A discriminator and a critic on pretrained features, whose heads' mean counts as one more."""

    def __init__(self, discriminator: Discriminator, critic: FeatureCritic) -> None:
        super().__init__()
        self.discriminator, self.critic = discriminator, critic
        self._share = critic.weight / len(critic.heads)

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        """The discriminator's features, then the critic's logits, a list of one map a stride."""
        return [*self.discriminator(L, ab), *self.critic(L, ab)]

    def _split(self, features: ScaleFeatures) -> tuple[ScaleFeatures, ScaleFeatures]:
        heads = len(self.critic.heads)
        return features[:-heads], features[-heads:]

    def loss(
        self,
        gan_mode: GanMode,
        features: ScaleFeatures,
        is_real: bool,
        weights: Tensor | None = None,
    ) -> Tensor:
        patches, heads = self._split(features)
        alone = self.discriminator.loss(gan_mode, patches, is_real, weights)
        return alone + self._share * discriminator_loss(gan_mode, heads, is_real, weights)

    def approximate_r1(self, features: ScaleFeatures, noisy: ScaleFeatures) -> Tensor:
        (patches, heads), (noisy_patches, noisy_heads) = self._split(features), self._split(noisy)
        alone = self.discriminator.approximate_r1(patches, noisy_patches)
        return alone + self._share * approximate_r1(heads, noisy_heads)

    def adversarial_loss(self, gan_mode: GanMode, fake: ScaleFeatures) -> Tensor:
        patches, heads = self._split(fake)
        alone = self.discriminator.adversarial_loss(gan_mode, patches)
        return alone + self.critic.openness() * self._share * adversarial_loss(gan_mode, heads)

    def accuracies(
        self, gan_mode: GanMode, real: ScaleFeatures, fake: ScaleFeatures
    ) -> dict[str, Tensor]:
        (patches, heads), (fake_patches, fake_heads) = self._split(real), self._split(fake)
        found = self.discriminator.accuracies(gan_mode, patches, fake_patches)
        of_heads = discriminator_accuracy(gan_mode, heads, fake_heads)
        return {**found, "accuracy_features": torch.stack(of_heads).mean()}

    def end_update(self, accuracies: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.critic.gate is None:
            return {}
        self.critic.update_accuracy(accuracies["accuracy_features"])
        return {"feature_gate": self.critic.openness()}
