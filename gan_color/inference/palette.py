"""What a photo's colors are to be overall: those of a reference photograph, or how vivid.

The global hints of Zhang et al. 2017, https://arxiv.org/abs/1705.02999, section 3.2.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT, bin_shares
from gan_color.color.lab import AB_SCALE, from_rgb8
from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.photo import Photo, to_8_bit
from gan_color.inference.guided_upsample import bicubic
from gan_color.inference.saturation import VIVIDNESS
from gan_color.models.hints import mean_chroma, palette

SEEN_SIDE = 64  # pixels of a reference's shorter side; in training a quarter of a crop's
NEUTRAL = 2.0 / AB_SCALE  # mean chroma (2 of a*, b*) below which a photo has no colors to give


@dataclass(frozen=True, eq=False)
class Palette:
    """The distribution of a photo's colors, `shares` [313] of the ab bins, and its mean chroma (of
    ab in -1..1); None: not said.
    """

    shares: Tensor | None = None
    chroma: float | None = None

    def vector(self) -> Tensor:
        """As a model takes it: [1, PALETTE]."""
        shares = torch.zeros(BIN_COUNT) if self.shares is None else self.shares
        amounts = (self.shares is not None, self.chroma or 0.0, self.chroma is not None)
        known, chroma, chroma_known = (torch.tensor([float(each)]) for each in amounts)
        return palette(shares[None], known, chroma, chroma_known)


def reference_palette(photo: Photo) -> Palette:
    """The palette of a photograph. Raises GanColorError for one without colors."""
    rgb = torch.from_dlpack(to_8_bit(photo.pixels)).permute(2, 0, 1)[None]
    width, height = photo.size_at(SEEN_SIDE)
    return palette_of(from_rgb8(bicubic(rgb, (height, width)))[1])


def read_reference(source: str | Path | bytes | Image.Image | NDArray[Any]) -> Palette:
    """The palette of a photograph: a file, its bytes, a PIL image or an array. Raises
    GanColorError, which says that it is the reference that cannot be read.
    """
    try:
        photo = read(source)
    except GanColorError as error:
        named = f"{source}: " if isinstance(source, str | Path) else ""
        raise GanColorError(f"reference: {named}{error}") from None
    return reference_palette(photo)


def palette_of(ab: Tensor) -> Palette:
    """The palette of ab [1, 2, h, w] in -1..1. Raises GanColorError where all of it is neutral."""
    chroma = float(mean_chroma(ab))
    if chroma < NEUTRAL:
        raise GanColorError(
            f"reference: found a gray photo (mean chroma {chroma * AB_SCALE:.1f}), expected one "
            "with colors"
        )
    return Palette(bin_shares(ab)[0], chroma)


def with_vividness(told: Tensor, ab: Tensor, vividness: str) -> Tensor:
    """The global hints [B, PALETTE] that `told` are, with a mean chroma by what came of them, ab
    [B, 2, h, w] in -1..1.
    """
    chroma, known = VIVIDNESS[vividness] * mean_chroma(ab), torch.ones(len(ab), device=ab.device)
    unsaid = torch.zeros(len(ab), BIN_COUNT, device=ab.device)
    said = palette(unsaid, 0 * known, chroma, known)
    return torch.cat((told[:, : BIN_COUNT + 1], said[:, BIN_COUNT + 1 :]), dim=1)
