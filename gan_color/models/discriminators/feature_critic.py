"""A critic on the features of a frozen pretrained network, beside other discriminators.

Projected GAN: Sauer et al. 2021, https://arxiv.org/abs/2111.01007; vision-aided GAN: Kumari et al.
2022, https://arxiv.org/abs/2112.09130, whose finding is that the network helps most in whose
features real and fake images are best told apart.
"""

from typing import Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color import distributed
from gan_color.color.lab import to_rgb
from gan_color.errors import GanColorError
from gan_color.losses.gan import ScaleFeatures
from gan_color.models.backbones import RANDOM, Backbone, tensors_sha256
from gan_color.models.layers import zero_bias
from gan_color.options import Count, Share, Strict, Weight, WeightsPath

GATE_MEMORY = 0.98  # of the running accuracy, kept in an update: a mean over about 50


class GateConfig(Strict):
    """How much the generator hears of the critic, by its running accuracy on real and fake patches.

    0 at `closed`, 1 at `open`, linear between and constant beyond. Where `closed` is the higher,
    the critic fades as it wins. That is the way to begin with: on paired images such a critic
    overpowers the generator at once (https://github.com/autonomousvision/projected-gan/issues/71),
    and what it then says of single patches is noise; at `closed: 1` it is still heard a little.
    The other way leaves out a critic that cannot tell, whose gradients are small by themselves.
    """

    closed: Share = Field(description="accuracy at which the generator hears nothing of it")
    open: Share = Field(description="accuracy at which its term counts in full")

    @model_validator(mode="after")
    def _two_accuracies(self) -> Self:
        if self.closed == self.open:
            raise ValueError(f"gate: found {self.closed} twice, expected closed unlike open")
        return self


class FeatureCriticConfig(Strict):
    """A critic on frozen pretrained features, beside the other discriminators."""

    backbone: str = Field("mobilenetv1_100", description="any timm backbone; never trained")
    weights: WeightsPath = Field(
        "pretrained", description="pretrained | a .safetensors file's path"
    )
    kwargs: dict[str, bool | int | float | str] = Field({}, description="of timm.create_model")
    remove_modules: tuple[str, ...] = Field(
        (), description="of the backbone: what the file lacks, or what no stride needs"
    )
    strides: tuple[Count, ...] = Field((4, 8, 16), min_length=1, description="a head each")
    width: Count = Field(64, description="channels of the heads")
    weight: Weight = Field(1.0, description="1: as much as one patch discriminator")
    lowpass: int = Field(
        0, ge=0, le=64, description="chroma, real and fake, averaged over so many pixels; 0: as is"
    )
    gate: GateConfig | None = Field(None, description="null: the generator always hears it")

    @model_validator(mode="after")
    def _features_mean_something(self) -> Self:
        if self.weights == RANDOM:
            raise ValueError(
                "discriminator.features.weights: found 'none', expected 'pretrained' or the path "
                "of a .safetensors file: the critic learns from what the features know"
            )
        return self


class FeatureCritic(nn.Module):
    """L [B, 1, H, W] and ab [B, 2, H, W] -> patch logits [B, 1, H / stride, W / stride] a stride.

    Logits alone: feature matching passes it by, and so is left to the patch discriminators (with
    the same network, it would be a perceptual loss).

    The backbone is no submodule. So it has no part in training: no mode, gradients, optimizer,
    spectral norm or checkpoint reaches it; checkpoints keep its SHA-256, and one of other weights
    is refused. It moves with the heads to a device or a memory format. `skip_weights` leaves it
    random, for counting its work.
    """

    _backbone: Backbone
    running_accuracy: Tensor

    def __init__(self, config: FeatureCriticConfig, skip_weights: bool = False) -> None:
        super().__init__()
        weights = RANDOM if skip_weights else config.weights
        backbone = Backbone(config.backbone, weights, 3, dict(config.kwargs), config.remove_modules)
        object.__setattr__(self, "_backbone", backbone.requires_grad_(False).eval())
        missing = sorted(set(config.strides) - set(backbone.strides))
        if missing:
            raise GanColorError(
                f"discriminator.features.strides: found {missing[0]}, but {config.backbone} has "
                f"features of {', '.join(map(str, backbone.strides))}"
            )
        self.levels = [backbone.strides.index(stride) for stride in config.strides]
        self.heads = nn.ModuleList(_head(backbone.channels[i], config.width) for i in self.levels)
        self.weight, self.lowpass, self.gate = config.weight, config.lowpass, config.gate
        self.register_buffer("running_accuracy", torch.tensor(0.5))
        self._sha256 = ""

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        if self.lowpass > 1:
            ab = low_pass(ab, self.lowpass)
        maps = self._backbone(to_rgb(L, ab))
        return [[head(maps[level])] for head, level in zip(self.heads, self.levels, strict=True)]

    def openness(self) -> Tensor:
        """What the gate lets through to the generator, 0 to 1."""
        if self.gate is None:
            return torch.ones_like(self.running_accuracy)
        closed, width = self.gate.closed, self.gate.open - self.gate.closed
        return ((self.running_accuracy - closed) / width).clamp(0.0, 1.0)

    @torch.no_grad()
    def update_accuracy(self, accuracy: Tensor) -> None:
        """Take an update's accuracy, the mean over all ranks, into the running one."""
        self.running_accuracy.lerp_(distributed.average_value(accuracy), 1.0 - GATE_MEMORY)

    def get_extra_state(self) -> Tensor:
        """Which backbone the heads belong to, for checkpoints."""
        self._sha256 = self._sha256 or tensors_sha256(self._backbone)
        return torch.tensor(list(bytes.fromhex(self._sha256)), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Raise GanColorError where the heads were trained on another backbone."""
        if not torch.equal(state.cpu(), self.get_extra_state()):
            raise GanColorError(
                "discriminator.features: found a backbone whose weights are not those that the "
                "critic was trained on; take the same weights file"
            )

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        self._backbone._apply(fn)
        super()._apply(fn, recurse)
        return self


def low_pass(ab: Tensor, factor: int) -> Tensor:
    """Chroma [B, 2, H, W] without what is finer than `factor` pixels, of the same size, float32."""
    small = F.avg_pool2d(ab.float(), factor, ceil_mode=True, count_include_pad=False)
    return F.interpolate(small, size=ab.shape[-2:], mode="bilinear", align_corners=False)


def _head(channels: int, width: int) -> nn.Sequential:
    """Small, and blind to where a patch is: no pooling, no logit for the whole image."""
    return nn.Sequential(
        _convolution(channels, width, 1),
        nn.LeakyReLU(0.2),
        _convolution(width, width, 3),
        nn.LeakyReLU(0.2),
        _convolution(width, 1, 1),
    )


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    zero_bias(conv)  # under spectral norm, random ones would outweigh what is seen
    return spectral_norm(conv)
