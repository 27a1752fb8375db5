"""A person's hints: what a model is told, the branches that take it, palettes to choose from."""

from gan_color.models.hints.branches import ATTENTION_STRIDE, HintBranches
from gan_color.models.hints.palette_bank import PaletteBank
from gan_color.models.hints.told import CHROMA_SCALE, PALETTE, Hints, mean_chroma, palette

__all__ = [
    "ATTENTION_STRIDE",
    "CHROMA_SCALE",
    "PALETTE",
    "HintBranches",
    "Hints",
    "PaletteBank",
    "mean_chroma",
    "palette",
]
