"""DeOldify's generators, https://github.com/jantic/DeOldify (deoldify/generators.py at 0d129fc):
`wide` is its stable and its video model on a ResNet-101, `deep` its artistic one on a ResNet-34.

They paint RGB in ImageNet's normalization, not ab; here its chroma is taken, on the photograph's
own lightness. The source takes U and V of YUV for it. Theirs reads PIL's gray of a photograph; ours
the gray of its lightness, which of a gray photograph is the same.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.color.lab import AB_SCALE, gray_value, rgb_to_lab, to_rgb
from gan_color.errors import GanColorError
from gan_color.losses.pixel import pixel_loss
from gan_color.models.backbones import Backbone
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.deoldify.blocks import SKIP_BIAS, Block, Residual, Shuffle
from gan_color.models.encoder_options import EncoderOptions
from gan_color.models.layers import Convolution, zero_bias

STRIDES = [2, 4, 8, 16, 32]
STRIDE = 32
LIMIT = 3.0  # y_range: the sigmoid goes from -3 to 3
ATTENTION_BLOCK = 1  # the second of four: stride 8
WIDE, DEEP = 512, 1.5  # nf = 512 x nf_factor of wide; nf_factor of deep


class DeOldifyOptions(EncoderOptions):
    """Options; the defaults are the stable model's. encoder: resnet34 and kind: deep, the artistic
    one's.
    """

    kind: Literal["wide", "deep"] = "wide"
    encoder: str = Field("resnet101", description="a timm backbone of strides 2, 4, 8, 16, 32")
    width_mult: float = Field(2.0, gt=0, description="nf_factor: 2 of wide, 1.5 of deep")


class DeOldify(Colorizer[DeOldifyOptions]):
    """L -> RGB [B, 3, H, W] in ImageNet's normalization -> the ab of it."""

    paper = "https://github.com/jantic/DeOldify"
    needs = "a pretrained ResNet, VGG16-BN"
    Options: ClassVar[type[ModelOptions]] = DeOldifyOptions

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        none = {"encoder_weights": "none"}
        deep = {"kind": "deep", "encoder": "resnet34", "width_mult": DEEP}
        return {"stable": none, "artistic": {**deep, **none}}

    def __init__(self, options: DeOldifyOptions) -> None:
        super().__init__(options)
        self.stride = STRIDE
        self.encoder = Backbone(
            options.encoder,
            options.encoder_weights,
            3,
            dict(options.encoder_kwargs),
            options.encoder_remove_modules,
        )
        if self.encoder.strides != STRIDES:
            raise GanColorError(
                f"encoder: found {options.encoder!r} with feature strides {self.encoder.strides}, "
                f"expected {STRIDES}; take a ResNet"
            )
        *skips, inputs = self.encoder.channels
        self.norm = nn.BatchNorm2d(inputs)
        nn.init.constant_(self.norm.bias, SKIP_BIAS)
        self.middle = nn.Sequential(
            Convolution(inputs, 2 * inputs, 3, "both", bias=False),
            Convolution(2 * inputs, inputs, 3, "both", bias=False),
        )
        blocks = []
        for i, skip in enumerate(skips[::-1]):
            enlarged, outputs = self._widths(inputs, skip, last=i == len(skips) - 1)
            convolutions = 1 if options.kind == "wide" else 2
            attention = i == ATTENTION_BLOCK
            blocks.append(Block(inputs, skip, enlarged, outputs, convolutions, attention))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.enlarge = Shuffle(inputs, inputs, normed=False)
        self.residual = Residual(inputs + 3)
        head = nn.Conv2d(inputs + 3, 3, 1)
        nn.init.kaiming_normal_(head.weight)
        zero_bias(head)
        self.head = spectral_norm(head)

    def _widths(self, inputs: int, skip: int, last: bool) -> tuple[int, int]:
        """Channels of a block after it has enlarged, and in the end."""
        if self.options.kind == "wide":
            width = round(WIDE * self.options.width_mult) // (2 if last else 1) // 2
            return width, width
        joined = inputs // 2 + skip
        return inputs // 2, int((joined // 2 if last else joined) * self.options.width_mult)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> normalized RGB [B, 3, H, W], in -3..3."""
        height, width = L.shape[-2:]
        image = gray_value(pad_to_multiple(L, STRIDE))
        *skips, x = self.encoder(image)
        x = self.middle(torch.relu(self.norm(x)))
        for block, skip in zip(self.blocks, skips[::-1], strict=True):
            x = block(x, skip)
        rgb = ((image - self.encoder.mean) / self.encoder.std).to(x.dtype)
        x = self.head(self.residual(torch.cat((self.enlarge(x), rgb), dim=1)))
        return (2 * LIMIT * torch.sigmoid(x) - LIMIT)[..., :height, :width]

    def decode(self, output: Tensor) -> Tensor:
        """The chroma of what was painted, within sRGB."""
        with torch.autocast(output.device.type, enabled=False):
            rgb = (output.float() * self.encoder.std + self.encoder.mean).clamp(0, 1)
            return (rgb_to_lab(rgb)[:, 1:] / AB_SCALE).clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """L1 of normalized RGB, lightness included: the first term of the source's FeatureLoss."""
        rgb = to_rgb(batch.L, batch.ab)
        target = (rgb - self.encoder.mean) / self.encoder.std
        return {"pixel": pixel_loss(output, target, "l1")}

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Early half of the encoder, late half, decoder."""
        encoder = list(self.encoder.parameters())
        rest = [p for name, p in self.named_parameters() if not name.startswith("encoder.")]
        half = len(encoder) // 2
        return [encoder[:half], encoder[half:], rest]

    def pretrained_modules(self) -> list[nn.Module]:
        return [self.encoder]
