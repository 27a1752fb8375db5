"""Photo in, photo out: the one function behind the command line, Python, notebooks and web.

Only chroma comes from the model. The photo's own full-size lightness is kept; the model sees a
reduced copy, and its chroma is enlarged to fit (DeOldify's idea; units: gan_color.color.lab).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from gan_color.color.lab import lightness, rgb8_to_float
from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.photo import Picture, to_8_bit
from gan_color.inference.guided_upsample import MIDDLE, bicubic, fit
from gan_color.inference.recombine import merge

DEFAULT_RENDER = 256
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ChromaModel(Protocol):
    """What colours: a Colorizer, or an ONNX file in its place."""

    @property
    def device(self) -> torch.device:
        """Where `colorize` wants its L."""

    def colorize(self, L: Tensor) -> Tensor:
        """ab [B, 2, H, W] for L [B, 1, H, W], both in -1..1."""

    def scenes(self, L: Tensor) -> list[dict[str, float]]:
        """What each picture shows: {name: probability}, likeliest first; empty: it cannot tell."""


@dataclass(frozen=True)
class ColorizeOptions:
    """How to colour. Raises GanColorError for a value out of range."""

    render: int = DEFAULT_RENDER  # pixels of the shorter side that the model works at
    consensus: tuple[int, ...] = ()  # further render sizes; the mean of all chromas is taken
    saturation: float = 1.0  # factor of the model's chroma
    strength: float = 1.0  # 1: the model's colours; 0: the photo's own
    precision: str = "fp32"  # of the model alone; Lab and the merge are always fp32

    def __post_init__(self) -> None:
        for name, size in (("render", self.render), *(("consensus", s) for s in self.consensus)):
            if not 32 <= size <= 4096:
                raise GanColorError(
                    f"{name}: found {size}, expected 32 to 4096 (pixels, shorter side)"
                )
        if not 0 <= self.saturation <= 4:
            raise GanColorError(f"saturation: found {self.saturation}, expected 0 to 4")
        if not 0 <= self.strength <= 1:
            raise GanColorError(f"strength: found {self.strength}, expected 0 to 1")
        if self.precision not in PRECISIONS:
            raise GanColorError(
                f"precision: found {self.precision!r}, expected one of {', '.join(PRECISIONS)}"
            )


DEFAULTS = ColorizeOptions()


def colorize_image(
    model: ChromaModel, image: Image.Image, options: ColorizeOptions | int = DEFAULT_RENDER
) -> Image.Image:
    """Colour a PIL image of any size and mode: RGB out, or RGBA where it had transparency.

    `options` may be the render size alone. A picture smaller than that is not enlarged.
    Raises GanColorError.
    """
    chosen = ColorizeOptions(render=options) if isinstance(options, int) else options
    return colorize_picture(model, read(image), chosen).image()


def colorize_picture(
    model: ChromaModel, picture: Picture, options: ColorizeOptions = DEFAULTS
) -> Picture:
    """Colour a picture: its lightness, depth, alpha and metadata stay. Raises GanColorError."""
    return finish(picture, predict(model, [picture], options)[0], options, model.device)


def colorize_and_name(
    model: ChromaModel, picture: Picture, options: ColorizeOptions
) -> tuple[Picture, dict[str, float]]:
    """The coloured picture, and what it shows: see `name_scenes`. Raises GanColorError."""
    chroma = predict(model, [picture], options)[0]
    return finish(picture, chroma, options, model.device), name_scenes(model, chroma)


@dataclass(frozen=True)
class Chroma:
    """ab [2, h, w] at the render size, and the lightness [1, h, w] it was made for; fp32, CPU."""

    ab: Tensor
    L: Tensor


def finish(
    picture: Picture, chroma: Chroma, options: ColorizeOptions, device: torch.device
) -> Picture:
    """Lay chroma on the photo; `device` computes."""
    height, width = chroma.L.shape[-2:]
    middle = _lightness_at(
        picture, (min(MIDDLE * width, picture.size[0]), min(MIDDLE * height, picture.size[1]))
    )
    coefficients = fit(chroma.ab[None], chroma.L[None], middle).to(device)
    pixels = merge(picture.pixels, coefficients, options.saturation, options.strength)
    return replace(picture, pixels=pixels)


def predict(
    model: ChromaModel, pictures: Sequence[Picture], options: ColorizeOptions
) -> list[Chroma]:
    """The model's chroma for each picture; those of one shape go through it as one batch."""
    device = model.device
    if options.precision != "fp32" and not isinstance(model, torch.nn.Module):
        raise GanColorError(f"precision: found {options.precision}, expected fp32 for this backend")
    found: list[Chroma | None] = [None] * len(pictures)
    sizes = sorted({options.render, *options.consensus}, reverse=True)
    for position, render in enumerate(sizes):
        seen = [_lightness_at(p, _render_size(p, render)) for p in pictures]
        for shape in dict.fromkeys(L.shape for L in seen):
            members = [i for i, L in enumerate(seen) if L.shape == shape]
            batch = torch.cat([seen[i] for i in members]).to(device)
            answers = run_model(model, batch, options.precision)
            for i, ab in zip(members, answers, strict=True):
                largest = found[i]
                if largest is None:
                    found[i] = Chroma(ab, seen[i][0])
                    continue
                fitted = bicubic(ab[None], (largest.ab.shape[-2], largest.ab.shape[-1]))[0]
                mean = largest.ab + (fitted - largest.ab) / (position + 1)
                found[i] = Chroma(mean, largest.L)
    return [chroma for chroma in found if chroma is not None]


def name_scenes(model: ChromaModel, chroma: Chroma) -> dict[str, float]:
    """What a photo shows, as far as the model was taught names: {name: probability}, likeliest
    first.
    """
    return model.scenes(chroma.L[None].to(model.device))[0]


def run_model(model: ChromaModel, L: Tensor, precision: str) -> Tensor:
    """ab [B, 2, H, W] float32 on the CPU for L [B, 1, H, W] on the model's device.

    Raises GanColorError where the device's memory does not suffice.
    """
    kind = L.device.type
    try:
        with torch.autocast(kind, dtype=PRECISIONS[precision], enabled=precision != "fp32"):
            return model.colorize(L).float().cpu()
    except torch.OutOfMemoryError:
        raise GanColorError(
            f"render: {L.shape[-1]} x {L.shape[-2]} pixels x {len(L)} photos do not fit into the "
            "memory of this device, expected a smaller render size or batch"
        ) from None


def _render_size(picture: Picture, render: int) -> tuple[int, int]:
    """Width and height, the shorter one `render` unless the photo is smaller."""
    ratio = min(1.0, render / min(picture.size))
    width, height = (max(1, round(side * ratio)) for side in picture.size)
    return width, height


def _lightness_at(picture: Picture, size: tuple[int, int]) -> Tensor:
    """L [1, 1, h, w] of the photo at (width, height)."""
    width, height = size
    # Not from_numpy, which warns of arrays that are not to be written, as Pillow's are.
    rgb = torch.from_dlpack(to_8_bit(picture.pixels)).permute(2, 0, 1)[None]
    return lightness(rgb8_to_float(bicubic(rgb, (height, width))))
