"""Checkpoints: safetensors for tensors, JSON for the rest, complete or absent.

A checkpoint is a folder. It is written beside its place under a hidden name, flushed to the disk,
and renamed, so that a run killed at any instant leaves only whole ones to be found. Training goes
on meanwhile.
"""

import copy
import json
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gan_color.atomic import sync
from gan_color.config import legacy
from gan_color.errors import GanColorError

STATE_FILE = "state.json"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint: its folder and its state.json."""

    folder: Path
    state: dict[str, Any]


def save(folder: Path, tensors: dict[str, Tensors], state: dict[str, Any]) -> None:
    """Write a checkpoint folder: one .safetensors per entry of `tensors`, and state.json."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    sizes = {}
    for name, values in tensors.items():
        path = temporary / f"{name}.safetensors"
        save_file({key: value.detach().contiguous() for key, value in values.items()}, path)
        sync(path)
        sizes[path.name] = path.stat().st_size
    path = temporary / STATE_FILE
    path.write_text(json.dumps({**state, "files": sizes}, indent=1), encoding="utf-8")
    sync(path)
    sync(temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    sync(folder.parent)


class AsyncCheckpointWriter:
    """Writes checkpoints beside the training, one at a time, from copies in memory."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def save(
        self,
        folder: Path,
        tensors: dict[str, Tensors],
        state: dict[str, Any],
        keep: int,
        spare: set[str],
    ) -> None:
        """`save`, then `prune` its siblings: returns as soon as everything is copied.

        Waits for the checkpoint before; raises what writing that has raised.
        """
        self.wait()
        copies = {
            name: {key: value.detach().to("cpu", copy=True) for key, value in values.items()}
            for name, values in tensors.items()
        }
        arguments = (folder, copies, copy.deepcopy(state), keep, set(spare))
        self._writing = self._thread.submit(_save_and_prune, *arguments)

    def wait(self) -> None:
        """Until the last checkpoint is there; raises what writing it has raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()


def _save_and_prune(
    folder: Path, tensors: dict[str, Tensors], state: dict[str, Any], keep: int, spare: set[str]
) -> None:
    save(folder, tensors, state)
    prune(folder.parent, keep, spare)


def _read(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder, or None where it is not whole."""
    try:
        text = (folder / STATE_FILE).read_text(encoding="utf-8")
        state = legacy.training_state(json.loads(text))
        whole = all((folder / f).stat().st_size == size for f, size in state["files"].items())
        order = (state["stage_index"], state["images"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Checkpoint(folder, state) if whole and all(isinstance(x, int) for x in order) else None


def find(checkpoints: Path) -> list[Checkpoint]:
    """Whole checkpoints below a folder, oldest first."""
    if not checkpoints.is_dir():
        return []
    found = [_read(p) for p in checkpoints.iterdir() if p.is_dir() and not p.name.startswith(".")]
    whole = [f for f in found if f is not None]
    return sorted(whole, key=lambda f: (f.state["stage_index"], f.state["images"]))


def read(folder: Path) -> Checkpoint:
    """The whole checkpoint in a folder; raises GanColorError where there is none."""
    found = _read(folder)
    if found is None:
        raise GanColorError(f"checkpoint: {folder} is missing or not whole")
    return found


def load(found: Checkpoint, name: str) -> Tensors:
    """One of the checkpoint's tensor files."""
    earlier = legacy.CHECKPOINT_FILES.get(name, name)
    path = found.folder / f"{name}.safetensors"
    return legacy.tensors(load_file(legacy.existing(path, f"{earlier}.safetensors")))


def prune(checkpoints: Path, keep: int, spare: set[str]) -> None:
    """Drop all but the newest `keep` of the running stage; each earlier stage keeps its last.

    Folders named in `spare` stay in any case.
    """
    found = find(checkpoints)
    by_stage: dict[int, list[Checkpoint]] = {}
    for checkpoint in found:
        by_stage.setdefault(checkpoint.state["stage_index"], []).append(checkpoint)
    newest = max(by_stage, default=0)
    for index, members in by_stage.items():
        for old in members[: -(keep if index == newest else 1)]:
            if old.folder.name not in spare:
                shutil.rmtree(old.folder)


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> Tensors:
    """Optimizers' tensors by "owner.parameter.name"; everything Adam keeps is a tensor."""
    return {
        f"{owner}.{index}.{name}": value
        for owner, optimizer in optimizers.items()
        for index, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, prefix: str, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` gave. Rates are the schedule's business, not ours."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        owner, index, name = key.split(".")
        if owner != prefix:
            continue
        if int(index) >= len(parameters):
            raise GanColorError(
                f"checkpoint: found optimizer state of parameter {index}, expected fewer than "
                f"{len(parameters)}; was the model changed since?"
            )
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # The file is contiguous; fused optimizers walk raw memory and want the weight's layout.
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
