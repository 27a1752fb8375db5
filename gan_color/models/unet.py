"""The project's own generator: a pretrained encoder, a U-Net decoder, self-attention.

After DeOldify (https://github.com/jantic/DeOldify) and U-Net (https://arxiv.org/abs/1505.04597),
with these differences: it predicts ab, not RGB; skips are arguments, not hooks, so that copies,
compilation and export work; any timm backbone with a feature pyramid serves as encoder. With
`decoder: queries` DDColor's color queries paint the last maps.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from gan_color.color.ab_bins import class_weights, nearest_bin
from gan_color.errors import GanColorError
from gan_color.losses.pixel import PixelKind, pixel_loss
from gan_color.models.backbones import Backbone
from gan_color.models.base import NO_HINTS, Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.color_decoder import ColorQueries
from gan_color.models.encoder_options import EncoderOptions
from gan_color.models.hints import ATTENTION_STRIDE, HintBranches, Hints
from gan_color.models.hints.palette_bank import make_room
from gan_color.models.layers import Normalization, UpBlock, zero_bias

# `gan-color models` prints parameters and FLOPs of each. Widths run from the deepest level
# (stride 16) to full resolution.
REBALANCE_CAP = 5.0  # largest weight of a color
PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "encoder": "mobilenetv1_100",
        "decoder_channels": (256, 160, 96, 64, 32),
        "convs_per_block": 1,
    },
    "base": {
        "encoder": "resnet34",
        "decoder_channels": (512, 256, 192, 128, 64),
        "convs_per_block": 2,
    },
    "large": {
        "encoder": "convnext_tiny",
        "decoder_channels": (768, 512, 256, 128, 96),
        "convs_per_block": 2,
    },
}
QUERIED = 3  # levels, from the deepest on, that color queries attend to


class UNetOptions(EncoderOptions):
    """Options of the U-Net. `preset` fills encoder, decoder_channels and convs_per_block; each can
    be given."""

    preset: Literal["small", "base", "large"] = "small"
    encoder: str = Field("", description="any timm backbone with a feature pyramid")
    in_chans: Literal[1, 3] = Field(3, description="gray given once, or replicated to three")
    decoder_channels: tuple[int, ...] = Field(
        (), description="decoder channels, deepest level first"
    )
    convs_per_block: int = Field(0, ge=0, le=4, description="3 x 3 convolutions per decoder level")
    norm: Normalization = Field(
        "both",
        description="of the decoder; both: spectral and BatchNorm; spectral_group: GroupNorm in "
        "its place, for batches in parts",
    )
    attention_stride: int | None = Field(16, description="level that attends to itself, or null")
    blur: bool = True
    decoder: Literal["unet", "queries"] = Field("unet", description="queries: DDColor's, on top")
    num_queries: int = Field(100, ge=1, description="colors looked for (decoder: queries)")
    query_layers: int = Field(9, ge=1)
    query_width: int = Field(256, ge=32, multiple_of=32)
    ab_activation: Literal["tanh", "clip"] = Field("tanh", description="how ab is kept in -1..1")
    hints: bool = Field(False, description="takes a person's colors for points of the picture")
    # The model's own loss: see gan_color.losses.pixel.pixel_loss.
    pixel_loss: PixelKind = "huber"
    huber_delta: float = Field(0.1, gt=0, description="in ab units, 1 = 110 of a* or b*")
    pixel_weight: float = Field(1.0, ge=0)
    chroma_weight: float = Field(0.0, ge=0, description="extra weight per ab unit of true chroma")
    rebalance: float = Field(0.0, ge=0, le=1, description="1 - lambda of Zhang et al. 2016; 0: off")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if isinstance(data, dict):
            preset = PRESETS.get(data.get("preset", "small"), {})
            return {**preset, **data}
        return data

    @model_validator(mode="after")
    def _five_levels(self) -> "UNetOptions":
        if len(self.decoder_channels) != 5:
            raise ValueError(
                f"decoder_channels: found {len(self.decoder_channels)} numbers, expected 5"
            )
        return self

    @property
    def takes_hints(self) -> bool:
        return self.hints


class UNet(Colorizer[UNetOptions]):
    """Backbone -> decoder with skips -> ab. Works at any size; fastest at multiples of 32."""

    paper = "https://github.com/jantic/DeOldify (U-Net with self-attention, NoGAN)"
    needs = "a pretrained timm backbone"
    abilities: ClassVar[dict[str, str]] = {"hints": "hint_branches."}
    Options: ClassVar[type[ModelOptions]] = UNetOptions
    rebalance_weights: Tensor | None

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        found = {preset: {"preset": preset, "encoder_weights": "none"} for preset in PRESETS}
        queries = {"preset": "small", "decoder": "queries", "encoder_weights": "none"}
        return {**found, "small-queries": queries}

    def __init__(self, options: UNetOptions) -> None:
        super().__init__(options)
        self.encoder = Backbone(
            options.encoder,
            options.encoder_weights,
            options.in_chans,
            dict(options.encoder_kwargs),
            options.encoder_remove_modules,
        )
        self.stride = self.encoder.strides[-1]
        skips = dict(zip(self.encoder.strides, self.encoder.channels, strict=True)) | {1: 1}
        blocks, inputs, stride = [], self.encoder.channels[-1], self.stride // 2
        levels = list(options.decoder_channels)[-self.stride.bit_length() + 1 :]
        for width in levels:
            blocks.append(
                UpBlock(
                    inputs,
                    skips.get(stride, 0),
                    width,
                    options.norm,
                    options.blur,
                    attention=stride == options.attention_stride,
                    convolutions=options.convs_per_block,
                )
            )
            inputs, stride = width, stride // 2
        self.blocks = nn.ModuleList(blocks)
        self.queries: ColorQueries | None = None
        if options.decoder == "queries":
            self.pixels = nn.Conv2d(inputs, options.query_width, 1)
            self.queries = ColorQueries(
                levels[:QUERIED], options.num_queries, options.query_layers, options.query_width
            )
            inputs = options.num_queries + 1
        self.head = nn.Conv2d(inputs, 2, 1)
        # Starting from gray: no color is claimed before something was learned.
        nn.init.zeros_(self.head.weight)
        zero_bias(self.head)
        self.register_buffer("rebalance_weights", None, persistent=False)
        self.hint_branches: HintBranches | None = None
        self.register_load_state_dict_pre_hook(make_room)
        if options.hints:  # the last to be made: the others start as they would without
            widths = {self.stride >> (i + 1): width for i, width in enumerate(levels)}
            self.hint_branches = HintBranches(
                {self.stride: self.encoder.channels[-1], **widths}, widths.get(ATTENTION_STRIDE, 0)
            )

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        """L [B, 1, H, W] -> ab [B, 2, H, W] (tanh-bounded, or free with bound="clip").

        Hints that say nothing change nothing, to the bit. Raises GanColorError for hints without
        the option.
        """
        height, width = L.shape[-2:]
        L = pad_to_multiple(L, self.stride)  # backbones disagree on how to round odd sizes
        # L* / 100 stands in for the gray sRGB value the encoder was trained on: 0.53 against 0.5
        # at middle gray, and equal at both ends.
        maps = self.encoder((L + 1) / 2)
        skips: dict[int, Tensor] = dict(zip(self.encoder.strides[:-1], maps[:-1], strict=True))
        skips[1] = L.to(maps[0].dtype)
        x, stride = maps[-1], self.stride // 2
        branches, added = self.hint_branches, {}
        if hints is not None:
            if branches is None:
                raise GanColorError(NO_HINTS)
            hints = hints.pad_to_multiple(self.stride)
            added = branches(hints)
            x = x + added[self.stride]
        decoded = []
        for block in self.blocks:
            x = block(x, skips.get(stride), added.get(stride))
            if branches is not None and hints is not None and stride == ATTENTION_STRIDE:
                x = branches.spread(x, hints)
            decoded.append(x)
            stride //= 2
        if self.queries is not None:
            colors = self.queries(decoded[:QUERIED], self.pixels(x))
            x = torch.cat((colors, L.to(colors.dtype)), dim=1)
        ab = self.head(x)[..., :height, :width]
        return torch.tanh(ab) if self.options.ab_activation == "tanh" else ab

    @torch.no_grad()
    def content(self, L: Tensor) -> Tensor:
        deepest: Tensor = self.encoder((pad_to_multiple(L, self.stride) + 1) / 2)[-1]
        return deepest.float().mean(dim=(2, 3))

    def decode(self, output: Tensor) -> Tensor:
        return output if self.options.ab_activation == "tanh" else output.clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        options = self.options
        weight = 1.0 + options.chroma_weight * batch.ab.norm(dim=1, keepdim=True)
        if self.rebalance_weights is not None:
            weight = weight * self.rebalance_weights[nearest_bin(batch.ab)].unsqueeze(1)
        loss = pixel_loss(output, batch.ab, options.pixel_loss, options.huber_delta, weight)
        return {"pixel": options.pixel_weight * loss}

    @property
    def needs_prior(self) -> bool:
        return self.options.rebalance > 0

    def set_prior(self, prior: Tensor) -> None:
        weights = class_weights(prior, 1 - self.options.rebalance, REBALANCE_CAP)
        self.rebalance_weights = weights.to(self.head.weight.device)

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Early half of the encoder, late half, decoder."""
        encoder = list(self.encoder.parameters())
        rest = [p for name, p in self.named_parameters() if not name.startswith("encoder.")]
        half = len(encoder) // 2
        return [encoder[:half], encoder[half:], rest]

    def pretrained_modules(self) -> list[nn.Module]:
        return [self.encoder]
