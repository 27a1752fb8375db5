"""DDColor: Kang et al. 2023, https://arxiv.org/abs/2212.11613: a ConvNeXt encoder, a pixel decoder
up to full size, and color queries (gan_color.models.color_decoder).

Layers and constants are those of https://github.com/piddnad/DDColor. Its final, unused LayerNorm of
the encoder is dropped. Chroma leaves the head in plain a*, b* units; ours is that over 110. The
stage carries the perceptual, adversarial and colorfulness terms (configs/ddcolor.yml).
"""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from timm.layers import LayerNorm2d
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.color.lab import AB_SCALE, gray_value
from gan_color.errors import GanColorError
from gan_color.losses.pixel import pixel_loss
from gan_color.models.backbones import Backbone
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.color_decoder import ColorQueries
from gan_color.models.encoder_options import EncoderOptions
from gan_color.models.layers import Convolution, zero_bias

STRIDES = [4, 8, 16, 32]
STRIDE = 32
SKIP_BIAS = 1e-3  # fastai's start of BatchNorm, which the decoder's blocks come from


class DDColorOptions(EncoderOptions):
    """Options; the defaults are the tiny model, convnext_large is the large one."""

    encoder: str = Field("convnext_tiny", description="a timm backbone of strides ... 4, 8, 16, 32")
    base_channels: int = Field(512, ge=8, description="channels of the pixel decoder")
    num_queries: int = Field(100, ge=1)
    query_layers: int = Field(9, ge=1)
    num_heads: int = Field(8, ge=1)
    dim_feedforward: int = Field(2048, ge=1, description="of the feed-forward layers")
    l1: float = Field(0.1, ge=0, description="weight of the L1 in a*, b* units (section 3.4)")

    @model_validator(mode="after")
    def _divisible(self) -> "DDColorOptions":
        if self.base_channels % (2 * self.num_heads) or self.base_channels % 8:
            raise ValueError(
                f"base_channels: found {self.base_channels}, "
                "expected a multiple of 8 and of 2 x num_heads"
            )
        return self


class _Shuffle(nn.Module):
    """1 x 1 convolution, ReLU, PixelShuffle, blur; ICNR start (see gan_color.models.layers)."""

    def __init__(self, inputs: int, outputs: int, scale: int, normed: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, outputs * scale**2, 1, bias=not normed)
        with torch.no_grad():
            seed = nn.init.kaiming_normal_(torch.empty(outputs, inputs, 1, 1))
            conv.weight.copy_(seed.repeat_interleave(scale**2, dim=0))
        zero_bias(conv)
        self.conv, self.scale = spectral_norm(conv), scale
        self.norm = nn.BatchNorm2d(outputs * scale**2) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(F.relu(self.norm(self.conv(x))), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class _Block(nn.Module):
    """Twice the size, the encoder's map of that size, one convolution."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.up = _Shuffle(inputs, outputs, 2, normed=True)
        self.skip_norm = nn.BatchNorm2d(skip)
        nn.init.constant_(self.skip_norm.bias, SKIP_BIAS)
        self.convolve = Convolution(outputs + skip, outputs, 3, "both", bias=False)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined = torch.cat((self.up(x), self.skip_norm(skip)), dim=1)
        out: Tensor = self.convolve(F.relu(joined))
        return out


class DDColor(Colorizer[DDColorOptions]):
    """L -> ab, by color queries over a pixel decoder."""

    paper = "https://arxiv.org/abs/2212.11613"
    needs = "a pretrained ConvNeXt, VGG16-BN"
    Options: ClassVar[type[ModelOptions]] = DDColorOptions

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        common = {"encoder_weights": "none"}
        return {"tiny": common, "large": {"encoder": "convnext_large", **common}}

    def __init__(self, options: DDColorOptions) -> None:
        super().__init__(options)
        self.stride = STRIDE
        self.encoder = Backbone(
            options.encoder,
            options.encoder_weights,
            3,
            dict(options.encoder_kwargs),
            options.encoder_remove_modules,
        )
        channels = self.encoder.channels[-4:]
        if self.encoder.strides[-4:] != STRIDES:
            raise GanColorError(
                f"encoder: found {options.encoder!r} with feature strides {self.encoder.strides}, "
                f"expected them to end in {STRIDES}; take a ConvNeXt"
            )
        # The paper's features go through a norm of their own, each.
        self.norms = nn.ModuleList(LayerNorm2d(width, eps=1e-6) for width in channels)
        w = options.base_channels
        self.blocks = nn.ModuleList(
            [
                _Block(channels[3], channels[2], w),
                _Block(w, channels[1], w),
                _Block(w, channels[0], w // 2),
            ]
        )
        self.enlarge = _Shuffle(w // 2, w // 2, 4, normed=False)
        self.queries = ColorQueries(
            [w, w, w // 2],
            options.num_queries,
            options.query_layers,
            w // 2,
            options.num_heads,
            options.dim_feedforward,
        )
        refine = nn.Conv2d(options.num_queries + 3, 2, 1)
        nn.init.kaiming_normal_(refine.weight)
        zero_bias(refine)
        self.refine = spectral_norm(refine)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> ab [B, 2, H, W], not bounded."""
        height, width = L.shape[-2:]
        image = gray_value(pad_to_multiple(L, STRIDE))
        maps = self.encoder(image)[-4:]
        maps = [norm(features) for norm, features in zip(self.norms, maps, strict=True)]
        x, decoded = maps[3], []
        for block, skip in zip(self.blocks, maps[2::-1], strict=True):
            x = block(x, skip)
            decoded.append(x)
        colors = self.queries(decoded, self.enlarge(x))
        rgb = (image - self.encoder.mean) / self.encoder.std
        ab: Tensor = self.refine(torch.cat((colors, rgb.to(colors.dtype)), dim=1)) / AB_SCALE
        return ab[..., :height, :width]

    def decode(self, output: Tensor) -> Tensor:
        return output.float().clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """0.1 x L1 in a*, b* units."""
        return {"pixel": self.options.l1 * AB_SCALE * pixel_loss(output, batch.ab, "l1")}

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Backbone, decoders."""
        rest = [p for name, p in self.named_parameters() if not name.startswith("encoder.")]
        return [list(self.encoder.parameters()), rest]

    def pretrained_modules(self) -> list[nn.Module]:
        return [self.encoder]
