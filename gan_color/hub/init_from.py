"""Training that starts from a model file: its options, its weights, no other by mistake."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from gan_color.atomic import sha256
from gan_color.color.lab import AB_SCALE
from gan_color.config import legacy
from gan_color.config.schema import Config, parse, read_config
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.hub.model_card import terms
from gan_color.hub.model_file import load_model, read_header, unfold
from gan_color.hub.pretrained import find_model
from gan_color.models.base import Colorizer
from gan_color.models.hints.palette_bank import PREFIX

SAME_COLORS = 0.01  # mean difference in a* and b*; equal options give equal colors


def load_config(
    path: Path,
    overrides: tuple[str, ...] = (),
    find: Callable[[str], Path] = find_model,
) -> Config:
    """Read a run's configuration; where `run.init_from` names a model (a file, one that ships with
    the package, or what else `find` knows the file of), a configuration without `model` takes the
    file's, and one whose `model` has no name the file's but for the options that it sets. Raises
    GanColorError.
    """
    data = read_config(path, overrides)
    run = data.get("run")
    start = run.get("init_from") if isinstance(run, dict) else None
    model = data.get("model") or {}
    if isinstance(start, str) and isinstance(model, dict) and "name" not in model:
        header = read_header(find(start).expanduser())
        data["model"] = {"name": header["name"], **header["options"], **model}
    return parse(data, str(path))


def init_from(model: Colorizer, name: str, path: Path) -> None:
    """Give a model that is to be trained the weights of a model file, folded ones included.

    An ability that the model has and the file lacks (`Colorizer.abilities`) starts as it was built,
    which is said in a line. Raises GanColorError where the file holds another kind of model,
    another shape of it, or one that colors otherwise under the options of `model`.
    """
    header = read_header(path)
    if header["name"] != name:
        raise GanColorError(
            f"run.init_from: {path} holds a {header['name']!r}, expected a {name!r}: leave `model` "
            "out to take the file's"
        )
    stored = legacy.tensors(load_file(path))
    # Palettes go by what the encoder sees, which is about to change.
    stored = {key: value for key, value in stored.items() if not key.startswith(PREFIX)}
    new = _add_abilities(model, stored)
    try:
        unfold(model, stored)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise GanColorError(
            f"run.init_from: {path} does not fit the model of this configuration: {detail}; leave "
            "`model` out to take the file's"
        ) from None
    plain = type(model)(model.options.for_inference()).fold()
    plain.load_state_dict(stored)
    difference = _color_difference(plain, load_model(path))
    if difference > SAME_COLORS:
        raise GanColorError(
            f"run.init_from: the weights of {path} color otherwise under this configuration (a* "
            f"and b* differ by {difference:.1f} on average): "
            f"{_differing(header['options'], model)}; leave `model` out to take the file's options"
        )
    for ability in new:
        console.print(
            f"run.init_from: {path} has no {ability}; what they need starts at zero, so that the "
            "model answers as the file's until it is trained",
            markup=False,
        )


def origin(name: str, find: Callable[[str], Path] = find_model) -> dict[str, Any]:
    """For a training record: the model file that a training started from, and its terms, which are
    unknown where the file is no longer there.
    """
    try:
        path = find(name)
        said = terms(read_header(path))
    except GanColorError:
        return {"file": Path(name).name, "terms": [f"those of {Path(name).name}"]}
    known = name if ":" in name else path.name  # of a path, nothing of the user's folders
    return {"file": known, "sha256": sha256(path), "terms": said}


def _add_abilities(model: Colorizer, stored: dict[str, Tensor]) -> list[str]:
    """Put the model's own weights where `stored` has none of an ability; the abilities' names."""
    new = []
    for name, prefix in model.abilities.items():
        added = {k: v for k, v in model.state_dict().items() if k.startswith(prefix)}
        if added and not any(key.startswith(prefix) for key in stored):
            stored.update(added)
            new.append(name)
    return new


@torch.no_grad()
def _color_difference(one: Colorizer, other: Colorizer) -> float:
    """Mean difference of two models' a* and b* on one gray cloud."""
    noise = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    L = F.interpolate(noise, size=(96, 96), mode="bicubic").clamp(-1, 1)
    ab = [model.eval().predict_ab(L) for model in (one, other)]
    return float((ab[0] - ab[1]).abs().mean()) * AB_SCALE


def _differing(stored: dict[str, Any], model: Colorizer) -> str:
    here = model.options.for_inference().model_dump(mode="json")
    found = [
        f"{key} is {stored.get(key)!r} in the file and {value!r} here"
        for key, value in here.items()
        if stored.get(key, value) != value
    ]
    return "; ".join(found) or "no option says why"
