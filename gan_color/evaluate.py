"""A model against a folder of colour photographs: the figures of `gan-color evaluate`."""

from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from gan_color import metrics
from gan_color.console import console
from gan_color.data.dataset import evaluation_crop
from gan_color.data.images import BadImageError, find_images
from gan_color.errors import GanColorError
from gan_color.lab import float_to_rgb8, rgb8_to_float, rgb_to_lab, scale
from gan_color.losses import to_rgb
from gan_color.models.base import Colorizer

BATCH = 8
PROTOCOL = "shorter side to {size}, centre square, ab at {size}"


class _Means:
    """Running means of one answer's per-picture figures, and its features."""

    def __init__(self, channels: int | None) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0
        self.features = metrics.FeatureStatistics(channels) if channels else None

    def add(self, values: dict[str, torch.Tensor], count: int) -> None:
        self.count += count
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.double().sum())

    def means(self) -> dict[str, float]:
        return {name: total / self.count for name, total in self.sums.items()}


def evaluate(
    model: Colorizer,
    data: Path,
    size: int = 256,
    features: metrics.BackboneFeatures | None = None,
) -> dict[str, Any]:
    """Figures of a model over every readable picture of a folder, beside the all-grey answer's.

    Keys: n, protocol, psnr (dB), delta_e2000, colorfulness, colorfulness_truth, frechet (null
    without `features`), frechet_space, unreadable, and grey, the same figures for ab = 0.
    Pictures are decoded one batch at a time. Raises GanColorError where nothing can be read.
    """
    if size % model.stride and size < model.stride:
        raise GanColorError(f"size: found {size}, expected at least {model.stride}")
    device = next(model.parameters()).device
    for module in (model, features):
        if module is not None:
            module.to(memory_format=torch.channels_last)  # faster convolutions, the same figures
    channels = features.channels if features is not None else None
    answers = {"model": _Means(channels), "grey": _Means(channels), "truth": _Means(channels)}
    unreadable: list[str] = []
    paths = find_images(data)
    for start in track(range(0, len(paths), BATCH), "evaluating", console=console):
        crops = []
        for path in paths[start : start + BATCH]:
            try:
                crops.append(evaluation_crop(path, size))
            except BadImageError as error:
                unreadable.append(f"{path}: {error}")
        if not crops:
            continue
        truth = torch.stack(crops)
        L, ab = scale(rgb_to_lab(rgb8_to_float(truth.to(device))))
        pictures = {
            "model": float_to_rgb8(to_rgb(L, model.colorize(L))).cpu(),
            "grey": float_to_rgb8(to_rgb(L, torch.zeros_like(ab))).cpu(),
            "truth": truth,
        }
        for name, picture in pictures.items():
            values = {"colorfulness": metrics.colorfulness(picture)}
            if name != "truth":
                values["psnr"] = metrics.psnr(picture, truth).clamp(max=100)
                values["delta_e2000"] = metrics.delta_e2000(picture, truth)
            answers[name].add(values, len(truth))
            if features is not None:
                statistics = answers[name].features
                assert statistics is not None
                statistics.add(features(picture.to(device)))
    if not answers["truth"].count:
        raise GanColorError(f"evaluate: none of the {len(paths)} files in {data} could be read")

    def figures(name: str) -> dict[str, float | None]:
        mine, truth = answers[name].features, answers["truth"].features
        distance = metrics.frechet_distance(mine, truth) if mine and truth else None
        means = answers[name].means()
        return {key: means[key] for key in ("psnr", "delta_e2000", "colorfulness")} | {
            "frechet": distance
        }

    return {
        "n": answers["truth"].count,
        "protocol": PROTOCOL.format(size=size),
        **figures("model"),
        "colorfulness_truth": answers["truth"].means()["colorfulness"],
        "frechet_space": features.name if features is not None else None,
        "grey": figures("grey"),
        "unreadable": unreadable,
    }
