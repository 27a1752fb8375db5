"""How to color; without torch, so that a mistake is told before seconds of importing it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gan_color.errors import GanColorError
from gan_color.inference.saturation import check_saturation, gain_of

if TYPE_CHECKING:
    from gan_color.inference.hints import HintPoint
    from gan_color.inference.palette import Palette

DEFAULT_RENDER = 256
PRECISIONS = ("fp32", "bf16", "fp16")
MOST_VARIANTS = 1000  # the largest number of a variant


@dataclass(frozen=True)
class ColorizeOptions:
    """How to color. Raises GanColorError for a value out of range."""

    render: int = DEFAULT_RENDER  # pixels of the shorter side that the model works at
    tta_sizes: tuple[int, ...] = ()  # further render sizes; the mean of all chromas is taken
    # A factor of the model's chroma; or muted, natural, vivid, which the model is told.
    saturation: float | str = 1.0
    strength: float = 1.0  # 1: the model's colors; 0: the photo's own
    precision: str = "fp32"  # of the model alone; Lab and the merge are always fp32
    hints: "tuple[HintPoint, ...]" = ()  # colors of points of the photo, for models that take hints
    reference: "Palette | None" = None  # what the colors are to be overall, for those models too
    variant: int = 0  # 0: the model's own answer; others: gan_color.inference.variants

    def __post_init__(self) -> None:
        for name, size in (("render", self.render), *(("tta_sizes", s) for s in self.tta_sizes)):
            if not 32 <= size <= 4096:
                raise GanColorError(
                    f"{name}: found {size}, expected 32 to 4096 (pixels, shorter side)"
                )
        check_saturation(self.saturation)
        check_variant(self.variant)
        if not 0 <= self.strength <= 1:
            raise GanColorError(f"strength: found {self.strength}, expected 0 to 1")
        if self.precision not in PRECISIONS:
            raise GanColorError(
                f"precision: found {self.precision!r}, expected one of {', '.join(PRECISIONS)}"
            )

    @property
    def gain(self) -> float:
        """The factor of the model's chroma."""
        return gain_of(self.saturation)

    @property
    def hinted(self) -> bool:
        """Whether a model is to be told anything but lightness."""
        words = isinstance(self.saturation, str)
        return bool(self.hints or self.reference or words or self.variant)


def check_variant(number: int) -> None:
    """GanColorError for a number that is none."""
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MOST_VARIANTS:
        raise GanColorError(
            f"variant: found {number!r}, expected 0 (the model's own) to {MOST_VARIANTS}"
        )


DEFAULTS = ColorizeOptions()
