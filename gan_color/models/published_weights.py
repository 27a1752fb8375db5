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
        raise GanColorError(
            f"weights: {path} cannot be read as tensors ({reason}), expected {expected}"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise GanColorError(f"weights: {path} holds more than named tensors, expected {expected}")
    return found


def load_published(
    module: nn.Module, path: Path, names: dict[str, str], expected: str, extra: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Load a published file into `module`, strictly, and return its tensors named in `extra`.

    `names` maps prefixes of our parameters to prefixes in the file. BatchNorm's step counters may
    miss. Raises GanColorError, and then the module is as it was.
    """
    stored = read_tensors(path, expected)
    state: dict[str, Tensor] = {}
    missing = [key for key in extra if key not in stored]
    used = set(extra)
    for key, value in module.state_dict().items():
        ours = next((prefix for prefix in names if key.startswith(f"{prefix}.")), None)
        theirs = key if ours is None else names[ours] + key.removeprefix(ours)
        if ours is None or (key.endswith("num_batches_tracked") and theirs not in stored):
            state[key] = value
            continue
        used.add(theirs)
        if theirs not in stored:
            missing.append(theirs)
        elif stored[theirs].shape != value.shape:
            raise GanColorError(
                f"weights: {path} has {theirs} of shape {tuple(stored[theirs].shape)}, "
                f"expected {tuple(value.shape)}; is it {expected}?"
            )
        else:
            state[key] = stored[theirs]
    unknown = sorted(set(stored) - used)
    if missing or unknown:
        raise GanColorError(
            f"weights: {path} lacks {missing[:3] or 'nothing'} and has {unknown[:3] or 'nothing'} "
            f"too many; expected {expected}"
        )
    module.load_state_dict(state)
    return {key: stored[key] for key in extra}
