"""Weights that others published, read by path: safetensors, or torch's weights-only reader.

Nothing is unpickled but tensors, and every name must match: a file of another network is refused
before anything changes.
"""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gan_color.errors import GanColorError

# Keys under which training programs keep the network's tensors: BasicSR, fastai, Lightning.
WRAPPERS = ("params_ema", "params", "model", "state_dict")


def read_tensors(path: Path, expected: str) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth or .pt file by name.

    `expected` says in a few words which file is wanted. Raises GanColorError.
    """
    if not path.is_file():
        raise GanColorError(f"weights: found no file {str(path)!r}, expected {expected}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        if isinstance(error, pickle.UnpicklingError):  # torch's advice is to run what the file says
            reason = "it was not written by torch.save, or holds more than tensors"
        raise GanColorError(
            f"weights: {path} cannot be read as tensors ({reason}), expected {expected}"
        ) from None
    found = _unwrapped(found)
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise GanColorError(f"weights: {path} holds more than named tensors, expected {expected}")
    return found


def _unwrapped(found: object) -> object:
    """What a file holds; of a mapping of some parts, such as an optimizer's, the network's."""
    if isinstance(found, dict):
        return next((found[key] for key in WRAPPERS if isinstance(found.get(key), dict)), found)
    return found


def load_tensors(
    module: nn.Module,
    stored: dict[str, Tensor],
    names: dict[str, str],
    origin: str,
    expected: str,
    extra: tuple[str, ...] = (),
) -> dict[str, Tensor]:
    """Load a published network's tensors into `module`, strictly; returns those named in `extra`.

    Raises GanColorError, and then the module is as it was.

    Args:
        module: ours.
        stored: theirs, by their names.
        names: prefixes of our names to prefixes of theirs. What has no prefix here stays as it is.
            BatchNorm's step counters may miss; sides of length 1 may differ (a convolution over one
            dimension, a scalar).
        origin: what the tensors were read from, for messages.
        expected: in a few words, which file is wanted.
        extra: their names that are no part of the module.
    """
    state: dict[str, Tensor] = {}
    missing = [key for key in extra if key not in stored]
    used = set(extra)
    for key, value in module.state_dict().items():
        ours = next((p for p in names if key == p or key.startswith(f"{p}.")), None)
        theirs = key if ours is None else names[ours] + key.removeprefix(ours)
        if ours is None or (key.endswith("num_batches_tracked") and theirs not in stored):
            state[key] = value
            continue
        used.add(theirs)
        if theirs not in stored:
            missing.append(theirs)
        elif _sides(stored[theirs]) != _sides(value):
            raise GanColorError(
                f"weights: {origin} has {theirs} of shape {tuple(stored[theirs].shape)}, "
                f"expected {tuple(value.shape)}; is it {expected}?"
            )
        else:
            state[key] = stored[theirs].reshape(value.shape).to(value.dtype)
    unknown = sorted(set(stored) - used)
    if missing or unknown:
        raise GanColorError(
            f"weights: {origin} lacks {missing[:3] or 'nothing'} and has "
            f"{unknown[:3] or 'nothing'} too many; expected {expected}"
        )
    module.load_state_dict(state)
    return {key: stored[key] for key in extra}


def _sides(tensor: Tensor) -> list[int]:
    return [side for side in tensor.shape if side != 1]
