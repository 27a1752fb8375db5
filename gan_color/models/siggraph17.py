"""Real-Time User-Guided Image Colorization with Learned Deep Priors: Zhang et al. 2017,
https://arxiv.org/abs/1705.02999.

The body of zhang16 (gan_color.models.zhang16) with a person's colors and a mask as three more
inputs, skips that are added, and two heads: a*, b* at full size, and 529 colors at a quarter of it.
Layers and constants are those of the authors' code: models/pytorch/model.py of
https://github.com/junyanz/interactive-deep-colorization and models/ of
https://github.com/richzhang/colorization-pytorch. The published weights read a mask of 0 and 1;
the training code reads it less 0.5.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan_color.color.ab_bins import GRID_LIMIT, GRID_SIDE, GRID_STEP
from gan_color.color.lab import AB_SCALE
from gan_color.losses.pixel import pixel_loss
from gan_color.models.base import Batch, Colorizer, ModelOptions, pad_to_multiple
from gan_color.models.hints import Hints

CLASSES = GRID_SIDE**2  # the whole grid of 23 x 23, not the 313 bins in gamut
CLASS_STRIDE = 4
STRIDE = 8
# (convolutions, width in units of the first, dilation) of the seven blocks; every second pixel of
# the first three goes on to the next.
BLOCKS = ((2, 1, 1), (2, 2, 1), (3, 4, 1), (3, 8, 1), (3, 8, 2), (3, 8, 2), (3, 8, 1))
SUBSAMPLED = 3
LEAK = 0.2


class Siggraph17Options(ModelOptions):
    """Options; the defaults are the authors'."""

    base_channels: int = Field(64, ge=4, description="channels of the first block")
    mask_center: float = Field(0.0, description="taken off the mask; the training code: 0.5")
    regression_weight: float = Field(10.0, ge=0, description="of the L1, a and b added up")
    classification_weight: float = Field(1.0, ge=0, description="of the cross-entropy")

    @property
    def takes_hints(self) -> bool:
        return True

    @property
    def takes_palette(self) -> bool:
        return False  # the paper's global hints are another network's


def _block(inputs: int, outputs: int, count: int, dilation: int = 1) -> nn.Sequential:
    """3 x 3 convolutions with ReLU, BatchNorm after the last: numbered as in the authors' code."""
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


class _Up(nn.Module):
    """Twice the size, an earlier block's map of that size added, then what is given."""

    def __init__(self, inputs: int, skip: int, outputs: int, after: nn.Sequential) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1)
        self.skip = nn.Conv2d(skip, outputs, 3, padding=1)
        self.after = after

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.after(F.relu(self.up(x) + self.skip(skip)))
        return out


class Siggraph17(Colorizer[Siggraph17Options]):
    """L, with or without a person's colors -> (ab [B, 2, H, W], logits of 529 colors)."""

    paper = "https://arxiv.org/abs/1705.02999"
    Options: ClassVar[type[ModelOptions]] = Siggraph17Options

    def __init__(self, options: Siggraph17Options) -> None:
        super().__init__(options)
        self.stride = STRIDE
        w = options.base_channels
        blocks, inputs = [], 4
        for count, units, dilation in BLOCKS:
            blocks.append(_block(inputs, units * w, count, dilation))
            inputs = units * w
        self.blocks = nn.ModuleList(blocks)
        ten = nn.Sequential(nn.Conv2d(2 * w, 2 * w, 3, padding=1), nn.LeakyReLU(LEAK))
        self.ups = nn.ModuleList(
            [
                _Up(8 * w, 4 * w, 4 * w, _block(4 * w, 4 * w, 2)),
                _Up(4 * w, 2 * w, 2 * w, _block(2 * w, 2 * w, 1)),
                _Up(2 * w, w, 2 * w, ten),
            ]
        )
        self.classes = nn.Conv2d(4 * w, CLASSES, 1)
        self.head = nn.Conv2d(2 * w, 2, 1)

    def forward(self, L: Tensor, hints: Hints | None = None) -> tuple[Tensor, Tensor]:
        """L [B, 1, H, W] -> ab [B, 2, H, W] in -1..1, and logits [B, 529, h / 4, w / 4] of L padded
        to a multiple of 8.
        """
        height, width = L.shape[-2:]
        L = pad_to_multiple(L, STRIDE)
        hints = Hints.none(L) if hints is None else hints.pad_to_multiple(STRIDE)
        mask = hints.mask - self.options.mask_center
        # L / 2 is the authors' (L* - 50) / 100; a hint's color counts where its mask says so.
        x = torch.cat((L / 2, hints.ab * hints.mask, mask), dim=1)
        skips = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i < SUBSAMPLED:
                skips.append(x)
                x = x[..., ::2, ::2]
        logits = None
        for up in self.ups:
            x = up(x, skips.pop())
            # The classes are learned from what the regression's gradient does not pass: the trunk
            # belongs to one of them.
            logits = self.classes(x.detach()) if logits is None else logits
        assert logits is not None
        return torch.tanh(self.head(x))[..., :height, :width], logits

    def decode(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]

    def losses(self, output: tuple[Tensor, Tensor], batch: Batch) -> dict[str, Tensor]:
        """10 x L1, a and b added up, and the cross-entropy of the nearest grid point."""
        ab, logits = output
        options = self.options
        # The mean over a and b is half of their sum.
        pixel = 2 * options.regression_weight * pixel_loss(ab, batch.ab, "l1")
        target = grid_class(pad_to_multiple(batch.ab, STRIDE)[..., ::CLASS_STRIDE, ::CLASS_STRIDE])
        entropy = F.cross_entropy(logits.float(), target)
        return {"pixel": pixel, "classification": options.classification_weight * entropy}


def grid_class(ab: Tensor) -> Tensor:
    """Index of the nearest of the 23 x 23 points of the ab grid, a* first: [B, H, W] int64."""
    grid = ((ab.float() * AB_SCALE + GRID_LIMIT) / GRID_STEP).round().long().clamp(0, GRID_SIDE - 1)
    return grid[:, 0] * GRID_SIDE + grid[:, 1]
