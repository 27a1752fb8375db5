"""Photo in, photo out: the one function behind the command line, Python, notebooks and web.

Only chroma comes from the model. The photo's own full-size lightness is kept; the model sees a
reduced copy, and its chroma is enlarged to fit (DeOldify's idea; units: gan_color.color.lab).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan_color.color.lab import lightness, to_float
from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.photo import Photo, to_8_bit
from gan_color.images.tensors import array_of, tensor_like
from gan_color.inference.chroma_model import (
    ChromaModel,
    memory_as_error,
    run_model,
    without_rim,
)
from gan_color.inference.guided_upsample import MIDDLE, bicubic, fit_coefficients
from gan_color.inference.hint_spread import start_of_spread
from gan_color.inference.hints import (
    check_inside,
    fit_to_hints,
    parse_hint,
    render_hints,
)
from gan_color.inference.options import DEFAULT_RENDER, DEFAULTS, ColorizeOptions
from gan_color.inference.palette import (
    Palette,
    read_reference,
    with_vividness,
)
from gan_color.inference.palette_match import MOST, MOST_OF_VARIANTS, match_palette
from gan_color.inference.recombine import recombine
from gan_color.inference.saturation import VIVIDNESS
from gan_color.inference.variants import NONE as NO_PALETTES
from gan_color.inference.variants import variant_palettes
from gan_color.models.base import NO_HINTS, NO_PALETTE
from gan_color.models.hints import Hints, PaletteBank

__all__ = ["DEFAULTS", "DEFAULT_RENDER", "ColorizationPipeline", "ColorizeOptions"]


@dataclass(frozen=True)
class ColorizationPipeline:
    """A model ready to colorize photos: what `gan_color.load` returns."""

    model: ChromaModel

    @overload
    def colorize(
        self, photo: "NDArray[Any]", render: int = ..., **options: Any
    ) -> "NDArray[Any]": ...

    @overload
    def colorize(self, photo: Tensor, render: int = ..., **options: Any) -> Tensor: ...

    @overload
    def colorize(
        self, photo: str | Path | bytes | BinaryIO | Image.Image, render: int = ..., **options: Any
    ) -> Image.Image: ...

    def colorize(
        self,
        photo: "str | Path | bytes | BinaryIO | Image.Image | NDArray[Any] | Tensor",
        render: int = DEFAULT_RENDER,
        *,
        hints: Iterable[Any] = (),
        reference: "str | Path | bytes | Image.Image | NDArray[Any] | None" = None,
        **options: Any,
    ) -> "Image.Image | NDArray[Any] | Tensor":
        """Colorize a photo.

        Args:
            photo: a path, a file's bytes, an open file, a PIL image, a uint8 or uint16 array, or a
                tensor [1, 3 or 4, H, W], uint8 or floating point in 0..1.
            render: pixels of the shorter side that the model works at.
            hints: (x, y, "#e0c040"), ...: the colors of pixels of the photo as it is shown, column
                and row from 0, for models that take hints.
            reference: a photo with the colors that this one is to have overall, for the same.
            options: those of ColorizeOptions: saturation (a factor, or "muted", "vivid" for models
                that take hints), strength, tta_sizes, precision, variant (from 1: other
                plausible answers, of models with palettes; a number always gives the same).

        An array comes back as an array [H, W, 3] (or 4, with alpha) of its own depth, a tensor as
        a tensor [3, H, W] (or 4) of its own type, anything else as a PIL image of the same size.

        Raises GanColorError for a photo that cannot be read, for a reference without colors, and
        for hints that are none, lie outside of it, or are given to a model that takes none.
        """
        points = tuple(parse_hint(hint) for hint in hints)
        like = None if reference is None else read_reference(reference)
        opened = read(array_of(photo) if isinstance(photo, Tensor) else photo)
        chosen = ColorizeOptions(render, hints=points, reference=like, **options)
        colorized = colorize_photo(self.model, opened, chosen)
        if isinstance(photo, Tensor):
            return tensor_like(photo, colorized.array())
        return colorized.array() if isinstance(photo, np.ndarray) else colorized.image()


def colorize_image(
    model: ChromaModel, image: Image.Image, options: ColorizeOptions | int = DEFAULT_RENDER
) -> Image.Image:
    """Colorize a PIL image of any size and mode: RGB out, or RGBA where it had transparency.

    `options` may be the render size alone. A photo smaller than that is not enlarged.
    Raises GanColorError.
    """
    chosen = ColorizeOptions(render=options) if isinstance(options, int) else options
    return colorize_photo(model, read(image), chosen).image()


def colorize_photo(model: ChromaModel, photo: Photo, options: ColorizeOptions = DEFAULTS) -> Photo:
    """Colorize a photo: its lightness, depth, alpha and metadata stay. Raises GanColorError."""
    return apply_chroma(photo, predict_chroma(model, [photo], options)[0], options, model.device)


def colorize_and_classify(
    model: ChromaModel, photo: Photo, options: ColorizeOptions
) -> tuple[Photo, dict[str, float]]:
    """The colorized photo, and what it shows: see `classify_scene`. Raises GanColorError."""
    chroma = predict_chroma(model, [photo], options)[0]
    return apply_chroma(photo, chroma, options, model.device), classify_scene(model, chroma)


@dataclass(frozen=True)
class Chroma:
    """ab [2, h, w] at the render size, and the lightness [1, h, w] it was made for; fp32, CPU."""

    ab: Tensor
    L: Tensor


def apply_chroma(
    photo: Photo, chroma: Chroma, options: ColorizeOptions, device: torch.device
) -> Photo:
    """Lay chroma on the photo; `device` computes. Raises OutOfMemoryError."""
    with memory_as_error(f"a photo of {photo.size[0]} x {photo.size[1]} pixels does not fit into"):
        return _apply_chroma(photo, chroma, options, device)


def _apply_chroma(
    photo: Photo, chroma: Chroma, options: ColorizeOptions, device: torch.device
) -> Photo:
    height, width = chroma.L.shape[-2:]
    middle = _lightness_at(
        photo, (min(MIDDLE * width, photo.size[0]), min(MIDDLE * height, photo.size[1]))
    )
    ab, L = chroma.ab[None], chroma.L[None]
    if options.hints and options.gain:
        coefficients = fit_to_hints(ab, L, middle, options.hints, photo.pixels, options.gain)
    else:
        coefficients = fit_coefficients(ab, L, middle)
    pixels = recombine(photo.pixels, coefficients.to(device), options.gain, options.strength)
    return replace(photo, pixels=pixels)


def predict_chroma(
    model: ChromaModel, photos: Sequence[Photo], options: ColorizeOptions
) -> list[Chroma]:
    """The model's chroma for each photo; those of one shape go through it as one batch.

    Raises GanColorError for hints that no photo has the place for, or that the model takes none of.
    """
    device = model.device
    check_hints(model, options)
    for photo in photos:
        check_inside(options.hints, photo.size)
    if options.precision != "fp32" and not isinstance(model, torch.nn.Module):
        raise GanColorError(f"precision: found {options.precision}, expected fp32 for this backend")
    found: list[Chroma | None] = [None] * len(photos)
    sizes = sorted({options.render, *options.tta_sizes}, reverse=True)
    for position, render in enumerate(sizes):
        seen = [_lightness_at(p, p.size_at(render)) for p in photos]
        for shape in dict.fromkeys(L.shape for L in seen):
            members = [i for i, L in enumerate(seen) if L.shape == shape]
            batch = torch.cat([seen[i] for i in members]).to(device)
            predicted = _predict(model, batch, options, [photos[i].size for i in members])
            for i, ab in zip(members, without_rim(predicted), strict=True):
                largest = found[i]
                if largest is None:
                    found[i] = Chroma(ab, seen[i][0])
                    continue
                fitted = bicubic(ab[None], (largest.ab.shape[-2], largest.ab.shape[-1]))[0]
                mean = largest.ab + (fitted - largest.ab) / (position + 1)
                found[i] = Chroma(mean, largest.L)
    return [chroma for chroma in found if chroma is not None]


def _predict(
    model: ChromaModel, L: Tensor, options: ColorizeOptions, sizes: Sequence[tuple[int, int]]
) -> Tensor:
    """ab [B, 2, H, W] on the CPU for L [B, 1, H, W] of photos of `sizes` (width, height)."""
    if not options.hinted:
        return run_model(model, L, options.precision)
    hints = render_hints(options.hints, sizes, (L.shape[-1], L.shape[-2])).to(L.device)

    def answer(told: Tensor) -> Tensor:
        def ask(points: Hints) -> Tensor:
            ab = run_model(model, L, options.precision, replace(points, palette=told))
            return match_palette(ab, told, MOST_OF_VARIANTS if options.variant else MOST)

        if options.hints and model.takes_palette:
            return start_of_spread(ask(hints), ask(Hints.none(L)))
        return ask(hints)

    told = (options.reference or Palette()).vector().to(L.device).expand(len(L), -1)
    ab = answer(told)
    if options.variant:
        told = variant_palettes(
            _palettes(model), model.content(L), ab.to(L.device), options.variant
        )
        ab = answer(told)
    if options.saturation in VIVIDNESS:
        ab = answer(with_vividness(told, ab.to(L.device), options.saturation))
    return ab


def _palettes(model: ChromaModel) -> PaletteBank:
    if model.palettes is None:
        raise GanColorError(NO_PALETTES)
    return model.palettes


def check_hints(model: ChromaModel, options: ColorizeOptions) -> None:
    """GanColorError for hints, a reference or a word for saturation to a model that takes none, and
    for a variant to one without palettes.
    """
    if options.variant:
        _palettes(model)
    if options.hinted and not model.takes_hints:
        raise GanColorError(NO_HINTS)
    told = options.reference is not None or options.saturation in VIVIDNESS
    if told and not model.takes_palette:
        raise GanColorError(NO_PALETTE)


def classify_scene(model: ChromaModel, chroma: Chroma) -> dict[str, float]:
    """What a photo shows, as far as the model was taught names: {name: probability}, likeliest
    first.
    """
    return model.scenes(chroma.L[None].to(model.device))[0]


def _lightness_at(photo: Photo, size: tuple[int, int]) -> Tensor:
    """L [1, 1, h, w] of the photo at (width, height)."""
    width, height = size
    # Not from_numpy, which warns of arrays that are not to be written, as Pillow's are.
    rgb = torch.from_dlpack(to_8_bit(photo.pixels)).permute(2, 0, 1)[None]
    return lightness(to_float(bicubic(rgb, (height, width))))
