"""Colorful Image Colorization: Zhang, Isola and Efros 2016, https://arxiv.org/abs/1603.08511.

Color as classification over 313 bins of the ab plane, rare colors weighted up, an annealed mean
of the bins as the prediction; and the paper's own ablation, the same body with an L2 loss. Layers
and constants are those of the authors' code (https://github.com/richzhang/colorization): where the
paper says otherwise, it says so beside the constant. The authors start from k-means; here weights
are drawn (He et al. 2015), as the authors' PyTorch port leaves them to be loaded anyway.
"""

from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan_color.color.ab_bins import BIN_COUNT, ab_bins, class_weights, soft_encode
from gan_color.color.lab import AB_SCALE
from gan_color.errors import GanColorError
from gan_color.losses.pixel import pixel_loss
from gan_color.models.base import Batch, Colorizer, ModelOptions, check_multiple
from gan_color.models.layers import zero_bias
from gan_color.models.published_weights import load_tensors, read_tensors
from gan_color.options import WeightsPath

TEMPERATURE = 0.38  # section 2.3
PUBLISHED = (
    "the authors' colorization_release_v2-9b330a0b.pth, from "
    "https://colorizers.s3.us-east-2.amazonaws.com/colorization_release_v2-9b330a0b.pth"
)
# (convolutions, width in units of the first, stride of the last, dilation): figure 2, table 4.
BLOCKS = (
    (2, 1, 2, 1),
    (2, 2, 2, 1),
    (3, 4, 2, 1),
    (3, 8, 1, 1),
    (3, 8, 1, 2),
    (3, 8, 1, 2),
    (3, 8, 1, 1),
)
# Our prefixes, and those of that file.
PUBLISHED_NAMES = {f"body.{i}": f"model{i + 1}" for i in range(8)} | {"head": "model8.6"}
OUTPUT_STRIDE = 4  # logits, and so targets, are a quarter of the image's size
STRIDE = 8


def _block(inputs: int, outputs: int, count: int, stride: int, dilation: int) -> nn.Sequential:
    """3 x 3 convolutions with ReLU, BatchNorm after the last: numbered as in the authors' port."""
    layers: list[nn.Module] = []
    for i in range(count):
        step = stride if i == count - 1 else 1
        conv = nn.Conv2d(inputs, outputs, 3, step, padding=dilation, dilation=dilation)
        layers += [_drawn(conv), nn.ReLU(inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


def _drawn(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    zero_bias(conv)
    return conv


class _Body(nn.Sequential):
    """The eight blocks: (L - 50) / 100 [B, 1, H, W] -> features [B, 4 x width, H / 4, W / 4]."""

    def __init__(self, width: int) -> None:
        blocks: list[nn.Module] = []
        inputs = 1
        for count, units, stride, dilation in BLOCKS:
            blocks.append(_block(inputs, units * width, count, stride, dilation))
            inputs = units * width
        outputs = 4 * width
        blocks.append(
            nn.Sequential(
                _drawn(nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1)),
                nn.ReLU(inplace=True),
                _drawn(nn.Conv2d(outputs, outputs, 3, padding=1)),
                nn.ReLU(inplace=True),
                _drawn(nn.Conv2d(outputs, outputs, 3, padding=1)),
                nn.ReLU(inplace=True),
            )
        )
        super().__init__(*blocks)


def _enlarge(ab: Tensor) -> Tensor:
    """From the logits' size to the image's, as the authors' port does it."""
    return F.interpolate(ab, scale_factor=OUTPUT_STRIDE, mode="bilinear", align_corners=False)


class RegressionOptions(ModelOptions):
    """Options of the L2 ablation."""

    base_channels: int = Field(64, ge=4, description="channels of the first block")


class Zhang16Options(RegressionOptions):
    """Options of the classifier."""

    num_neighbors: int = Field(10, ge=1, le=BIN_COUNT, description="of the soft code; the paper: 5")
    sigma: float = Field(5.0, gt=0, description="of the soft code, in a*, b* units (section 2.1)")
    uniform_mix: float = Field(
        0.5, ge=0, le=1, description="lambda of equation 4; 1: no rebalancing"
    )
    gray_limit: float = Field(5.0, ge=0, description="an image below it in a*, b* is not learned")
    temperature: float = Field(TEMPERATURE, gt=0, description="of the annealed mean")
    weights: WeightsPath = Field(
        "none", description="none | path of the authors' published weights"
    )

    def for_inference(self) -> "Zhang16Options":
        return self.model_copy(update={"weights": "none"})


class Zhang16(Colorizer[Zhang16Options]):
    """L -> logits of 313 colors at a quarter of the size -> the annealed mean."""

    paper = "https://arxiv.org/abs/1603.08511"
    needs = "the data's color prior (measured by the run)"
    Options: ClassVar[type[ModelOptions]] = Zhang16Options
    regression = False
    rebalance_weights: Tensor | None
    centers: Tensor

    def __init__(self, options: Zhang16Options) -> None:
        super().__init__(options)
        self.stride = STRIDE
        self.body = _Body(options.base_channels)
        self.head = nn.Conv2d(4 * options.base_channels, BIN_COUNT, 1)
        self.register_buffer("centers", ab_bins().clone())
        self.register_buffer("rebalance_weights", None, persistent=False)
        if options.weights != "none":
            stored = read_tensors(Path(options.weights), PUBLISHED)
            self.load_published(stored, PUBLISHED_NAMES, options.weights, PUBLISHED)

    def load_published(
        self, stored: dict[str, Tensor], names: dict[str, str], origin: str, expected: str
    ) -> None:
        extra = load_tensors(self, stored, names, origin, expected, extra=("model_out.weight",))
        found = extra["model_out.weight"]  # ab / 110 of the bins, as a 1 x 1 convolution
        if found.shape != (2, BIN_COUNT, 1, 1):
            raise GanColorError(
                f"weights: {origin} has model_out.weight of shape {tuple(found.shape)}, "
                f"expected (2, {BIN_COUNT}, 1, 1); is it {expected}?"
            )
        self.centers.copy_(AB_SCALE * found[:, :, 0, 0].T)
        # The authors publish a head that is divided by the temperature already. Equation 2 is of
        # logits without one: trained as it is, the loss would undo the annealing.
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(self.options.temperature)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> logits [B, 313, H / 4, W / 4]; H and W multiples of 8."""
        check_multiple(L, STRIDE, "zhang16")
        logits: Tensor = self.head(self.body(L / 2))  # L / 2 is the authors' (L* - 50) / 100
        return logits

    def decode(self, output: Tensor) -> Tensor:
        """Annealed mean (equation 5) -> ab [B, 2, H, W], bilinearly enlarged."""
        with torch.autocast(output.device.type, enabled=False):
            share = (output.float() / self.options.temperature).softmax(dim=1)
            ab = F.conv2d(share, self.centers.T[:, :, None, None] / AB_SCALE)
            return _enlarge(ab)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Soft cross-entropy (equation 2), each pixel weighted by its color's rarity (3, 4)."""
        if self.rebalance_weights is None:
            raise GanColorError("zhang16: found no color prior, expected set_prior() first")
        entropy, nearest = self._entropy(output, batch)
        return {"classification": (entropy * self.rebalance_weights[nearest]).mean()}

    def monitored(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy without weights, which is what the authors log: a few rare pixels of a
        batch decide the weighted one, and hide whether it falls.
        """
        return {"classification_unweighted": self._entropy(output, batch)[0].mean()}

    def _entropy(self, output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Equation 2, 0 in gray images, and the nearest bin, of each pixel: [B, H / 4, W / 4]."""
        options = self.options
        # One pixel of each 4 x 4, not their mean: the authors' data_ab_ss.
        target = batch.ab[:, :, ::OUTPUT_STRIDE, ::OUTPUT_STRIDE]
        index, share = soft_encode(target, options.num_neighbors, options.sigma)
        with torch.autocast(output.device.type, enabled=False):
            entropy = -(share * output.float().log_softmax(dim=1).gather(1, index)).sum(dim=1)
        colorized = (target.abs() * AB_SCALE > options.gray_limit).flatten(1).any(dim=1)
        return entropy * colorized.view(-1, 1, 1), index[:, 0]

    @property
    def needs_prior(self) -> bool:
        return True

    def set_prior(self, prior: Tensor) -> None:
        self.rebalance_weights = class_weights(prior, self.options.uniform_mix).to(
            self.centers.device
        )


class Zhang16Regression(Colorizer[RegressionOptions]):
    """The same body, then ab itself at a quarter of the size, under an L2 loss (section 3.1)."""

    paper = "https://arxiv.org/abs/1603.08511 (its L2 ablation)"
    Options: ClassVar[type[ModelOptions]] = RegressionOptions

    def __init__(self, options: RegressionOptions) -> None:
        super().__init__(options)
        self.stride = STRIDE
        self.body = _Body(options.base_channels)
        self.head = nn.Conv2d(4 * options.base_channels, 2, 1)

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> ab [B, 2, H / 4, W / 4]; H and W multiples of 8."""
        check_multiple(L, STRIDE, "zhang16_regression")
        ab: Tensor = self.head(self.body(L / 2))
        return ab

    def decode(self, output: Tensor) -> Tensor:
        return _enlarge(output.float()).clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Equation 1, as a mean over the pixels that the classifier learns from."""
        target = batch.ab[:, :, ::OUTPUT_STRIDE, ::OUTPUT_STRIDE]
        return {"pixel": pixel_loss(output, target, "l2")}
