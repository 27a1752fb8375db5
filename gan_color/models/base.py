"""The one contract: a colorizer predicts chroma from lightness. Units: gan_color.color.lab."""

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_color.color.lab import AB_SCALE, from_rgb8
from gan_color.errors import GanColorError
from gan_color.models.hints import Hints, PaletteBank
from gan_color.models.published_weights import load_tensors
from gan_color.options import Strict

NO_PALETTE = (
    "hints: this model takes colors of points alone, no reference photo and no word for "
    "saturation, expected a unet that was trained with hints: true"
)
NO_HINTS = (
    "hints: this model takes none, expected one that was trained with them: unet with hints: true, "
    "in stages with hints"
)


@dataclass(frozen=True)
class Batch:
    """L [B, 1, H, W] and ab [B, 2, H, W], both in -1..1; label [B] int64, -1 where unknown; hints
    where the model is to be given any.
    """

    L: Tensor
    ab: Tensor
    label: Tensor
    hints: Hints | None = None

    @classmethod
    def from_rgb8(
        cls,
        rgb: Tensor,
        label: Tensor,
        degraded: Tensor | None = None,
        *,
        channels_last: bool = False,
    ) -> "Batch":
        """From uint8 crops [B, 3, H, W], on their device. L is the degraded crop's where given."""
        L, ab = from_rgb8(rgb)
        if degraded is not None:
            L = from_rgb8(degraded)[0]
        layout = torch.channels_last if channels_last else torch.contiguous_format
        return cls(L.contiguous(memory_format=layout), ab.contiguous(memory_format=layout), label)

    def __len__(self) -> int:
        return len(self.L)

    def split(self, parts: int) -> list["Batch"]:
        """Cut into equal parts; GanColorError when the batch does not divide."""
        if len(self) % parts:
            raise GanColorError(
                f"grad_accum_steps: found {parts} for a batch of {len(self)}, "
                "expected a divisor of it"
            )
        size = len(self) // parts
        hints = self.hints.split(size) if self.hints else [None] * parts
        return [
            Batch(*part)
            for part in zip(
                self.L.split(size), self.ab.split(size), self.label.split(size), hints, strict=True
            )
        ]


class ModelOptions(Strict):
    """Base of every model's options: strict, immutable, and what a model file's header carries."""

    # Applied by colorize() and in ONNX files; losses do not see them.
    chroma_threshold: float = Field(
        0.0, ge=0, description="chroma (a*, b*) of which half is kept; 0: all"
    )
    chroma_gain: float = Field(1.0, gt=0, description="factor of chroma; `calibrate` fits both")

    @property
    def takes_hints(self) -> bool:
        """Whether a model of these options takes Hints: Colorizer.run."""
        return False

    @property
    def takes_palette(self) -> bool:
        """Whether such a model reads the global part of Hints, their palette, too."""
        return self.takes_hints

    def for_inference(self) -> Self:
        """The same options without whatever only a first training needs (pretrained weights)."""
        return self


def shrink_chroma(ab: Tensor, threshold: float, gain: float) -> Tensor:
    """ab [B, 2, H, W] in -1..1 with its chroma c times gain c^2 / (c^2 + threshold^2), clipped.

    `threshold` is in units of a* and b*. See gan_color.evaluation.calibration.
    """
    if threshold:
        square = ab.square().sum(dim=1, keepdim=True)
        ab = ab * (square / (square + (threshold / AB_SCALE) ** 2))
    return (gain * ab).clamp(-1, 1)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """x [B, C, H, W] with its last row and column repeated until `multiple` divides H and W."""
    padding = (0, -x.shape[-1] % multiple, 0, -x.shape[-2] % multiple)
    return F.pad(x, padding, mode="replicate") if any(padding) else x


def check_multiple(L: Tensor, multiple: int, name: str) -> None:
    """Raise GanColorError unless `multiple` divides H and W of L [B, 1, H, W].

    For models whose output is no image yet, so that `forward` cannot crop what it padded.
    """
    height, width = L.shape[-2:]
    if not torch.compiler.is_compiling() and (height % multiple or width % multiple):
        raise GanColorError(
            f"{name}: found {height} x {width} pixels, expected multiples of {multiple}; "
            "change the stage's size, or colorize through colorize()"
        )


Options_co = TypeVar("Options_co", bound=ModelOptions, covariant=True)


class Colorizer(nn.Module, Generic[Options_co]):
    """Base of every model. A subclass sets `paper` and `Options`, and writes `forward`, `losses`
    and, where its output is not ab itself, `decode`.

    What `forward` returns is a tensor or a tuple of tensors; only `losses` and `decode` read it.
    Where the options say `takes_hints`, it is forward(L, hints=None).
    """

    paper: ClassVar[str] = ""
    # What a training needs beyond images, for `gan-color models`.
    needs: ClassVar[str] = "nothing"
    Options: ClassVar[type[ModelOptions]] = ModelOptions
    # Regression: `decode` gives what the losses see, so that a GAN stage can train it.
    regression: ClassVar[bool] = True
    # What a model may have beyond coloring, by name: the prefix of its tensors, whose last layers
    # start at zero. A training may add it to a file without (gan_color.hub.init_from).
    abilities: ClassVar[dict[str, str]] = {}
    # colorize() pads images to a multiple of this.
    stride: int = 1

    options: Options_co
    palette_bank: PaletteBank | None

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        self.options = options  # type: ignore[assignment]
        self.palette_bank = None

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        """Named sets of options worth listing: {suffix: options}; "" is the plain model."""
        return {"": {}}

    def forward(self, L: Tensor) -> Any:
        """L [B, 1, H, W] -> whatever `losses` and `decode` read."""
        raise NotImplementedError

    def run(self, L: Tensor, hints: Hints | None = None) -> Any:
        """`forward`, with hints where there are any. Raises GanColorError for hints to a model that
        takes none.
        """
        if hints is None:
            return self(L)
        if not self.takes_hints:
            raise GanColorError(NO_HINTS)
        return self(L, hints)

    @property
    def takes_hints(self) -> bool:
        """Whether `run`, `forward_ab` and `predict_ab` take hints."""
        return self.options.takes_hints

    @property
    def takes_palette(self) -> bool:
        """Whether the palette of hints is read: a reference photo, a word for saturation."""
        return self.options.takes_palette

    def losses(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """The model's own terms, weighted, each a scalar; their sum is minimized."""
        raise NotImplementedError

    def monitored(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Scalars that are logged beside the losses and not minimized. None here."""
        return {}

    def decode(self, output: Any) -> Tensor:
        """Output -> ab [B, 2, H, W] in -1..1. Here the output is ab already."""
        ab: Tensor = output
        return ab

    @property
    def needs_prior(self) -> bool:
        """True where `set_prior` must be called before `losses`."""
        return False

    def set_prior(self, prior: Tensor) -> None:
        """Take the training set's color distribution [313] (gan_color.color.ab_bins)."""

    @property
    def device(self) -> torch.device:
        """Where it computes, and where `colorize` wants its L."""
        return next(self.parameters()).device

    def set_classes(self, names: list[str]) -> None:
        """Take the names of the training set's class folders; a label is an index into them.

        Raises GanColorError where they are more than the model can tell apart.
        """

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """Parameters from input to output, for layer-wise learning rates. One group here."""
        return [list(self.parameters())]

    def hint_parameters(self) -> list[nn.Parameter]:
        """Parameters of the layers that are there for hints alone; raises GanColorError."""
        if "hints" not in self.abilities:
            raise GanColorError(
                "hints.lr_mult: this model has no layers for hints alone, expected 1, or a unet"
            )
        prefix = self.abilities["hints"]
        return [p for name, p in self.named_parameters() if name.startswith(prefix)]

    def pretrained_modules(self) -> list[nn.Module]:
        """What `freeze_encoder` holds still. Empty where nothing was pretrained."""
        return []

    def forward_ab(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        """ab [B, 2, H, W] in -1..1 for L [B, 1, H, W] whose sides `stride` divides, calibrated."""
        ab = self.decode(self.run(L, hints)).float()
        return shrink_chroma(ab, self.options.chroma_threshold, self.options.chroma_gain)

    @torch.no_grad()
    def predict_ab(
        self, L: Tensor, hints: Hints | None = None, *, calibrated: bool = True
    ) -> Tensor:
        """ab [B, 2, H, W] float32 for L [B, 1, H, W] of any size, in evaluation mode.

        Pads by edge replication to `stride` and crops back; leaves the training mode as it was.
        Not `calibrated`, `chroma_threshold` and `chroma_gain` are ignored. Raises GanColorError for
        hints to a model that takes none.
        """
        was_training = self.training
        self.eval()
        try:
            height, width = L.shape[-2:]
            padded = pad_to_multiple(L, self.stride)
            if hints is not None:
                hints = hints.pad_to_multiple(self.stride)
            if calibrated:
                ab = self.forward_ab(padded, hints)
            else:
                ab = self.decode(self.run(padded, hints)).float()
        finally:
            self.train(was_training)
        return ab[..., :height, :width].clamp(-1, 1)

    @property
    def palettes(self) -> PaletteBank | None:
        """What several answers are drawn from; None: the model has only one."""
        return self.palette_bank if self.takes_hints else None

    def content(self, L: Tensor) -> Tensor:
        """[B, C] that are near for L [B, 1, H, W] of like content, where `palettes` needs them."""
        raise NotImplementedError

    def scenes(self, L: Tensor, best: int = 5) -> list[dict[str, float]]:
        """What each image of L [B, 1, H, W] shows: {name: probability}, likeliest first.

        Empty where the model was taught no names.
        """
        return [{} for _ in L]

    def load_published(
        self, stored: dict[str, Tensor], names: dict[str, str], origin: str, expected: str
    ) -> None:
        """Take the tensors of a network of its authors: gan_color.models.published_weights."""
        load_tensors(self, stored, names, origin, expected)

    def fold(self) -> "Colorizer":
        """Replace parametrized weights (spectral norm) by their plain values, in place."""
        self.eval()
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        return self
