"""Answers to the question "what colours?": models, and references to read figures by."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_color.color.lab import float_to_rgb8, rgb8_to_float, rgb_to_lab, scale, to_rgb
from gan_color.errors import GanColorError
from gan_color.evaluation.protocols import Protocol
from gan_color.hub.downloads import sha256
from gan_color.hub.model_file import load_model
from gan_color.inference.pipeline import DEFAULT_RENDER, colorize_image
from gan_color.models.base import Colorizer

SATURATION = 1.2
HUE_SHIFT = 30.0  # degrees in the ab plane

# Each maps the truth's ab to the answer's.
_References: dict[str, Callable[[Tensor], Tensor]] = {
    "truth": lambda ab: ab,
    "grey": torch.zeros_like,
    "saturated": lambda ab: (ab * SATURATION).clamp(-1, 1),
    "hue-shifted": lambda ab: _rotate(ab, HUE_SHIFT),
}
REFERENCES = tuple(_References)


def _rotate(ab: Tensor, degrees: float) -> Tensor:
    a, b = ab.unbind(1)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), dim=1).clamp(-1, 1)


@dataclass(frozen=True)
class Answer:
    """`name` in files and tables; `colour` maps uint8 truth [B, 3, H, W] to uint8 pictures."""

    name: str
    colour: Callable[[Tensor], Tensor]
    source: str  # what makes it this answer: a model file's SHA-256, or the reference's name
    path: Path | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


def _merge(truth: Tensor, ab_of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    L, ab = scale(rgb_to_lab(rgb8_to_float(truth)))
    return float_to_rgb8(to_rgb(L, ab_of(L, ab)))


def reference(name: str) -> Answer:
    """A reference answer: truth, grey, saturated (x 1.2) or hue-shifted (30 degrees)."""
    if name not in _References:
        raise GanColorError(f"--reference: found {name!r}, expected one of {', '.join(REFERENCES)}")
    change = _References[name]
    if name == "truth":
        return Answer(name, lambda truth: truth, name)
    return Answer(name, lambda truth: _merge(truth, lambda _, ab: change(ab)), name)


def model_answer(model: Colorizer, protocol: Protocol, name: str, source: str) -> Answer:
    """A colorizer's answer: at the protocol's size, or through the pipeline for `native`."""
    model = model.to(memory_format=torch.channels_last)  # faster convolutions, the same figures

    def colour(truth: Tensor) -> Tensor:
        if protocol.fixed:
            return _merge(truth, lambda L, _: model.colorize(L))
        image = Image.fromarray(truth[0].permute(1, 2, 0).cpu().numpy())
        coloured = np.array(colorize_image(model, image, DEFAULT_RENDER))
        return torch.from_numpy(coloured).permute(2, 0, 1)[None].to(truth.device)

    return Answer(name, colour, source)


def load_answers(paths: list[Path], protocol: Protocol, device: torch.device) -> list[Answer]:
    """The answers of model files, named by file, or by folder and file where names repeat."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}/{path.stem}" for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise GanColorError(f"--model: found {', '.join(names)}, expected each file once")
    answers = []
    for name, path in zip(names, paths, strict=True):
        if name in REFERENCES:
            name = str(path)
        found = model_answer(load_model(path).to(device), protocol, name, sha256(path))
        answers.append(replace(found, path=path, device=device))
    return answers
