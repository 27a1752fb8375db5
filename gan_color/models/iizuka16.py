"""Let there be Color!: Iizuka, Simo-Serra and Ishikawa 2016, https://doi.org/10.1145/2897824.2925974.

A fully convolutional color network that is fused with features of the whole scene, which learn to
name the scene at the same time. Layers are the paper's table 1; where re-implementations disagree,
the parameter count of two of three decides (42,353,839, and 13,504 of BatchNorm). The authors
published inference only (https://github.com/satoshiiizuka/siggraph2016_colorization).
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from gan_color.color.lab import AB_SCALE, gray_value
from gan_color.errors import GanColorError
from gan_color.models.base import Batch, Colorizer, ModelOptions, check_multiple

AB_RANGE = 100.0  # the authors' code: ab = 100 (2 s - 1) for a sigmoid s
STRIDE = 8
GLOBAL_STRIDE = 32
PLACES_CLASSES = 205


def _convolution(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _linear(inputs: int, outputs: int) -> nn.Sequential:
    layer = nn.Linear(inputs, outputs)
    return nn.Sequential(layer, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True))


class Iizuka16Options(ModelOptions):
    """Options of the four networks."""

    base_channels: int = Field(64, ge=4, description="channels of the first convolution")
    classes: int | None = Field(
        None, ge=1, description="scenes told apart; null: the data's class folders, the paper: 205"
    )
    class_names: tuple[str, ...] = Field((), description="filled in by a training")
    global_size: int = Field(224, description="side at which the whole scene is read")
    alpha: float = Field(1 / 300, ge=0, description="weight of the cross-entropy (equation 5)")

    @model_validator(mode="after")
    def _whole_global_maps(self) -> "Iizuka16Options":
        if self.global_size < GLOBAL_STRIDE or self.global_size % GLOBAL_STRIDE:
            raise ValueError(
                f"global_size: found {self.global_size}, expected a multiple of {GLOBAL_STRIDE}"
            )
        return self


class Iizuka16(Colorizer[Iizuka16Options]):
    """L -> (colors in 0..1 [B, 2, H, W], scene logits [B, classes])."""

    paper = "https://doi.org/10.1145/2897824.2925974"
    needs = "class folders (colors alone without)"
    Options: ClassVar[type[ModelOptions]] = Iizuka16Options

    def __init__(self, options: Iizuka16Options) -> None:
        super().__init__(options)
        self.stride = STRIDE
        w = options.base_channels
        self.low = nn.Sequential(
            _convolution(1, w, 2),
            _convolution(w, 2 * w),
            _convolution(2 * w, 2 * w, 2),
            _convolution(2 * w, 4 * w),
            _convolution(4 * w, 4 * w, 2),
            _convolution(4 * w, 8 * w),
        )
        self.mid = nn.Sequential(_convolution(8 * w, 8 * w), _convolution(8 * w, 4 * w))
        side = options.global_size // GLOBAL_STRIDE
        self.scene = nn.Sequential(
            _convolution(8 * w, 8 * w, 2),
            _convolution(8 * w, 8 * w),
            _convolution(8 * w, 8 * w, 2),
            _convolution(8 * w, 8 * w),
            nn.Flatten(),
            _linear(8 * w * side * side, 16 * w),
            _linear(16 * w, 8 * w),
        )
        self.summary = _linear(8 * w, 4 * w)
        self.classifier = nn.Sequential(
            _linear(8 * w, 4 * w), nn.Linear(4 * w, options.classes or PLACES_CLASSES)
        )
        self.fusion = _convolution(8 * w, 4 * w, kernel=1)
        up = nn.Upsample(scale_factor=2, mode="nearest")
        self.color = nn.Sequential(
            _convolution(4 * w, 2 * w),
            up,
            _convolution(2 * w, w),
            _convolution(w, w),
            up,
            _convolution(w, w // 2),
            nn.Conv2d(w // 2, 2, 3, padding=1),
            nn.Sigmoid(),
            up,
        )

    def forward(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """L [B, 1, H, W] -> colors and scene logits; H and W multiples of 8, B over 1 to train."""
        check_multiple(L, STRIDE, "iizuka16")
        if self.training and len(L) < 2:
            raise GanColorError(
                "iizuka16: found a batch of 1 image to train on, expected 2 or more"
            )
        x = gray_value(L)  # the authors feed the gray photograph itself
        low = self.low(x)
        # The scene is read from a copy of fixed size, through the same low-level weights
        # (section 3.2: any resolution).
        whole = low if x.shape[-2:] == self._whole_size else self.low(self._whole(x))
        scene = self.scene(whole)
        mid = self.mid(low)
        tiled = self.summary(scene)[:, :, None, None].expand(-1, -1, *mid.shape[-2:])
        colors = self.color(self.fusion(torch.cat((mid, tiled), dim=1)))
        return colors, self.classifier(scene)

    @property
    def _whole_size(self) -> tuple[int, int]:
        return (self.options.global_size, self.options.global_size)

    def _whole(self, x: Tensor) -> Tensor:
        return F.interpolate(x, self._whole_size, mode="bilinear")

    def decode(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return (2 * output[0].float() - 1) * (AB_RANGE / AB_SCALE)

    def losses(self, output: tuple[Tensor, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Equation 5: mean squared error, and cross-entropy of the images whose label is known.

        Classes are learned from the shared features and from the scene branch alone: the structure
        keeps that gradient out of the color network.
        """
        colors, logits = output
        target = (batch.ab * (AB_SCALE / AB_RANGE) + 1) / 2
        entropy = F.cross_entropy(
            self._taught(logits).float(), batch.label, ignore_index=-1, reduction="sum"
        )
        return {
            "pixel": F.mse_loss(colors.float(), target),
            "scene": self.options.alpha * entropy / len(batch),
        }

    def set_classes(self, names: list[str]) -> None:
        options = self.options
        if options.classes is None and names:
            options = options.model_copy(update={"classes": len(names)})
            self._resize_classifier(len(names))
        if len(names) > (options.classes or PLACES_CLASSES):
            raise GanColorError(
                f"model.classes: found {options.classes}, but the data has {len(names)} "
                f"class folders; set model.classes={len(names)}"
            )
        self.options = options.model_copy(update={"class_names": tuple(names)})

    def _resize_classifier(self, classes: int) -> None:
        """One output for each class, drawn alike wherever it is called (a generator and its EMA
        start as one), and from nobody's random numbers.
        """
        last = self.classifier[-1]
        assert isinstance(last, nn.Linear)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            drawn = nn.Linear(last.in_features, classes)
        drawn.requires_grad_(last.weight.requires_grad)
        self.classifier[-1] = drawn.to(last.weight.device, last.weight.dtype)

    def _taught(self, logits: Tensor) -> Tensor:
        """The logits [B, classes] of classes that have a name: no other output is ever right."""
        return logits[:, : len(self.options.class_names) or None]

    @torch.no_grad()
    def scenes(self, L: Tensor, best: int = 5) -> list[dict[str, float]]:
        """The likeliest of the classes that have a name, from what the colors are fused with."""
        names = self.options.class_names
        if not names:
            return super().scenes(L)
        was_training = self.training
        self.eval()
        try:
            logits = self.classifier(self.scene(self.low(self._whole(gray_value(L)))))
        finally:
            self.train(was_training)
        likely = self._taught(logits).softmax(1).topk(min(best, len(names)))
        return [
            {names[i]: p for i, p in zip(index, value, strict=True)}
            for index, value in zip(likely.indices.tolist(), likely.values.tolist(), strict=True)
        ]
