"""Model files: safetensors whose header carries the model's name, options and training record.

Spectral norm is folded into plain weights, so that a file holds what inference multiplies by.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.utils import parametrize

from gan_color.atomic import atomic_write
from gan_color.config import legacy
from gan_color.errors import GanColorError
from gan_color.hub.strengths import strengths_in
from gan_color.models import registry
from gan_color.models.base import Colorizer
from gan_color.models.hints import PaletteBank
from gan_color.models.hints.palette_bank import PREFIX

HEADER_KEY = "gan_color"
FORMAT = 2
POWER_ITERATIONS = 30


def save_model(path: Path, name: str, model: Colorizer, record: dict[str, Any]) -> None:
    """Write a model file, whole or not at all. `model` is left as it is; a folded copy is saved.

    `record` is what the training says of itself: stages, images, figures, license of the data.
    """
    _save(path, folded_state(model), _header(name, model, record))


def save_folded(path: Path, name: str, model: Colorizer, record: dict[str, Any]) -> None:
    """`save_model` of a model whose norms are folded already."""
    _save(path, _tensors(model), _header(name, model, record))


def _header(name: str, model: Colorizer, record: dict[str, Any]) -> dict[str, Any]:
    options = model.options.for_inference().model_dump(mode="json")
    return {"format": FORMAT, "name": name, "options": options, "record": record}


def _tensors(model: Colorizer) -> dict[str, Tensor]:
    return {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}


def save_half(source: Path, target: Path, record: dict[str, Any] | None = None) -> float:
    """Write a model file with its weights as float16, half the size; returns their largest error,
    relative to the largest weight of its tensor. Loading gives float32 again.

    `record` is added to what the file says of its training. Raises GanColorError for a weight
    that float16 cannot hold, and for a `good_at` or `bad_at` that is no line of text.
    """
    header = read_header(source)
    header["record"] = header["record"] | (record or {})
    strengths_in(header["record"])
    stored = load_file(source)
    half = {key: t.half() if t.is_floating_point() else t for key, t in stored.items()}
    worst = 0.0
    for key, tensor in stored.items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        if not half[key].isfinite().all():
            raise GanColorError(f"fp16: {key} of {source} has weights beyond float16's 65504")
        error = (half[key].float() - tensor).abs().max() / tensor.abs().max().clamp(min=1e-12)
        worst = max(worst, float(error))
    _save(target, half, header)
    return worst


def save_calibrated(
    source: Path, target: Path, threshold: float, gain: float, record: dict[str, Any]
) -> None:
    """Write a model file anew with these options; `record` becomes its record's "calibration"."""
    header = read_header(source)
    header["options"] = header["options"] | {"chroma_threshold": threshold, "chroma_gain": gain}
    header["record"] = header["record"] | {"calibration": record}
    _save(target, load_file(source), header)


def has_palettes(header: dict[str, Any]) -> bool:
    """Whether `save_palettes` wrote the file of this header."""
    return "palettes" in header["record"]


def save_palettes(source: Path, target: Path, bank: PaletteBank, record: dict[str, Any]) -> None:
    """Write a model file anew with palettes; `record` becomes its record's "palettes"."""
    header = read_header(source)
    header["record"] = header["record"] | {"palettes": record}
    added = {PREFIX + name: x.cpu().half() for name, x in bank.state_dict().items()}
    _save(target, load_file(source) | added, header)


def _save(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={HEADER_KEY: json.dumps(header)})


def read_header(path: Path) -> dict[str, Any]:
    """The header of a model file; GanColorError for a file that is not one."""
    if not path.is_file():
        raise GanColorError(f"model: found no file {str(path)!r}, expected a model.safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise GanColorError(f"model: {path} is not a readable safetensors file: {error}") from None
    if HEADER_KEY not in metadata:
        raise GanColorError(
            f"model: {path} carries no gan_color header, "
            "expected a file that `gan-color train` wrote"
        )
    try:
        header: dict[str, Any] = json.loads(metadata[HEADER_KEY])
        found = header["format"]
    except (ValueError, KeyError, TypeError):
        raise GanColorError(f"model: the gan_color header of {path} is damaged") from None
    if found == 1:
        return legacy.model_header(header)
    if found != FORMAT:
        raise GanColorError(f"model: {path} is of format {found}, expected {FORMAT}")
    return header


def folded_state(model: Colorizer) -> dict[str, Tensor]:
    """The tensors of a model file: spectral norm in plain weights. `model` is left as it is."""
    folded = type(model)(model.options.for_inference())
    folded.load_state_dict(model.state_dict())
    return _tensors(folded.fold())


def unfold(model: Colorizer, stored: dict[str, Tensor]) -> None:
    """Load folded tensors into a model whose norms are spectral; RuntimeError for a misfit."""
    normed = [
        (prefix, module)
        for prefix, module in model.named_modules()
        if parametrize.is_parametrized(module, "weight")
    ]
    state = dict(model.state_dict())
    renamed = {f"{p}.weight": f"{p}.parametrizations.weight.original" for p, _ in normed}
    needed = {key for key in state if ".parametrizations." not in key} | set(renamed)
    unknown, missing = sorted(set(stored) - needed), sorted(needed - set(stored))
    if unknown or missing:
        parts = [f"has {', '.join(unknown[:3])} too many"] if unknown else []
        parts += [f"lacks {', '.join(missing[:3])}"] if missing else []
        raise RuntimeError(f"it {' and '.join(parts)}")
    model.load_state_dict(state | {renamed.get(key, key): v for key, v in stored.items()})
    training = model.training
    with torch.no_grad():
        for _, module in normed:
            module.train()
            for _ in range(POWER_ITERATIONS):
                module.weight  # noqa: B018  (a step of power iteration each: new singular vectors)
    model.train(training)


def load_model(path: Path) -> Colorizer:
    """Build the model a file describes and load it, strictly, in evaluation mode on the CPU."""
    header = read_header(path)
    model = registry.create(header["name"], **header["options"]).fold()
    try:
        model.load_state_dict(legacy.tensors(load_file(path)))
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise GanColorError(f"model: {path} does not fit its own header: {detail}") from None
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise GanColorError(
                f"model: {path} has weights in {name} that are no finite numbers, expected a file "
                "of a training that did not diverge"
            )
    return model.requires_grad_(False).eval()
