"""Predictors: models, and baselines to read metrics by."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_color.atomic import sha256
from gan_color.color.lab import (
    from_rgb8,
    to_rgb8,
)
from gan_color.errors import GanColorError
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.hub.hugging_face import repository_of
from gan_color.hub.model_file import load_model
from gan_color.inference.pipeline import DEFAULT_RENDER, colorize_image
from gan_color.models.base import Colorizer

SATURATION = 1.2
HUE_SHIFT = 30.0  # degrees in the ab plane

# Each maps the truth's ab to the prediction's.
_BASELINES: dict[str, Callable[[Tensor], Tensor]] = {
    "truth": lambda ab: ab,
    "gray": torch.zeros_like,
    "saturated": lambda ab: (ab * SATURATION).clamp(-1, 1),
    "hue-shifted": lambda ab: _rotate(ab, HUE_SHIFT),
}
BASELINES = tuple(_BASELINES)


def _rotate(ab: Tensor, degrees: float) -> Tensor:
    a, b = ab.unbind(1)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), dim=1).clamp(-1, 1)


@dataclass(frozen=True)
class Predictor:
    """`name` in files and tables; `predict` maps uint8 truth [B, 3, H, W] to uint8 images."""

    name: str
    predict: Callable[[Tensor], Tensor]
    source: str  # what it is: a model file's SHA-256, or the baseline's name
    path: Path | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    model: Colorizer | None = None  # None for a baseline


def _merge(truth: Tensor, ab_of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    L, ab = from_rgb8(truth)
    return to_rgb8(L, ab_of(L, ab))


def baseline(name: str) -> Predictor:
    """A baseline: truth, gray, saturated (x 1.2) or hue-shifted (30 degrees)."""
    if name not in _BASELINES:
        raise GanColorError(f"--baseline: found {name!r}, expected one of {', '.join(BASELINES)}")
    change = _BASELINES[name]
    if name == "truth":
        return Predictor(name, lambda truth: truth, name)
    return Predictor(name, lambda truth: _merge(truth, lambda _, ab: change(ab)), name)


def model_predictor(model: Colorizer, protocol: EvalProtocol, name: str, source: str) -> Predictor:
    """A colorizer as a predictor: at the protocol's size, or through the pipeline for `native`."""
    model = model.to(memory_format=torch.channels_last)  # faster convolutions, the same figures

    def color(truth: Tensor) -> Tensor:
        if protocol.fixed:
            return _merge(truth, lambda L, _: model.predict_ab(L))
        image = Image.fromarray(truth[0].permute(1, 2, 0).cpu().numpy())
        colorized = np.array(colorize_image(model, image, DEFAULT_RENDER))
        return torch.from_numpy(colorized).permute(2, 0, 1)[None].to(truth.device)

    return Predictor(name, color, source, model=model)


def load_predictors(
    paths: list[Path], protocol: EvalProtocol, device: torch.device
) -> list[Predictor]:
    """Model files as predictors, named by file, or by folder and file where names repeat."""
    names = [repository_of(path) or path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}/{path.stem}" for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise GanColorError(f"--model: found {', '.join(names)}, expected each file once")
    predictors = []
    for name, path in zip(names, paths, strict=True):
        if name in BASELINES:
            name = str(path)
        found = model_predictor(load_model(path).to(device), protocol, name, sha256(path))
        predictors.append(replace(found, path=path, device=device))
    return predictors
