"""Checkpoints: safetensors for tensors, JSON for the rest, complete or absent.

A checkpoint is a folder. It is written beside its place under a hidden name, flushed to the disk,
and renamed, so that a run killed at any instant leaves only whole ones to be found. Training goes
on meanwhile. SHA256SUMS tells later damage (`sha256sum -c SHA256SUMS` does, too).
"""

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gan_color.atomic import sha256, sync
from gan_color.config import legacy
from gan_color.errors import GanColorError

STATE_FILE = "state.json"
SUMS_FILE = "SHA256SUMS"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint: its folder and its state.json."""

    folder: Path
    state: dict[str, Any]


def save(folder: Path, tensors: dict[str, Tensors], state: dict[str, Any]) -> None:
    """Write a checkpoint folder: one .safetensors per entry of `tensors`, and state.json.

    Where that fails (a full disk), nothing is left of it, what the folder held is as it was, and
    GanColorError says so.
    """
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        sizes, sums = {}, []
        for name, values in tensors.items():
            path = temporary / f"{name}.safetensors"
            save_file({key: value.detach().contiguous() for key, value in values.items()}, path)
            sync(path)
            sizes[path.name] = path.stat().st_size
            sums.append(f"{sha256(path)}  {path.name}\n")
        path = temporary / STATE_FILE
        path.write_text(json.dumps({**state, "files": sizes}, indent=1), encoding="utf-8")
        sync(path)
        sums.append(f"{sha256(path)}  {path.name}\n")
        path = temporary / SUMS_FILE
        path.write_text("".join(sums), encoding="utf-8")
        sync(path)
        sync(temporary)
        replaced = folder.with_name(f".{folder.name}.replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        if folder.exists():
            folder.rename(replaced)
        temporary.rename(folder)
        sync(folder.parent)
        shutil.rmtree(replaced, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise GanColorError(
            f"checkpoint: cannot write {folder}: {error}; the checkpoints before it are kept: "
            f"make room, then go on with --resume {folder.parent.parent}"
        ) from None


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
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """`save`, `prune` its siblings, `then`: returns as soon as everything is copied.

        Waits for the checkpoint before; raises what writing that has raised.
        """
        self.wait()
        copies = {
            name: {key: value.detach().to("cpu", copy=True) for key, value in values.items()}
            for name, values in tensors.items()
        }
        arguments = (folder, copies, copy.deepcopy(state), keep, set(spare), then)
        self._writing = self._thread.submit(_save_and_prune, *arguments)

    def wait(self) -> None:
        """Until the last checkpoint is there; raises what writing it has raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()


def _save_and_prune(
    folder: Path,
    tensors: dict[str, Tensors],
    state: dict[str, Any],
    keep: int,
    spare: set[str],
    then: Callable[[], None],
) -> None:
    save(folder, tensors, state)
    prune(folder.parent, keep, spare)
    then()


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


def damaged(checkpoints: Path) -> list[tuple[Path, str]]:
    """The checkpoints below a folder that are not as they were written, and what is wrong.

    Reads every byte of them. Earlier versions wrote no sums: then the files' sizes must do.
    """
    folders = sorted(p for p in checkpoints.iterdir() if p.is_dir() and not p.name.startswith("."))
    reasons = ((folder, _damage(folder)) for folder in folders)
    return [(folder, reason) for folder, reason in reasons if reason]


def _damage(folder: Path) -> str:
    """What is wrong with a checkpoint, "" where nothing is."""
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        return f"{SUMS_FILE}: {error}"
    for line in lines:
        known, _, name = line.partition("  ")
        try:
            if sha256(folder / name) != known:
                return f"the SHA-256 of {name} is not that of {SUMS_FILE}"
        except OSError as error:
            return f"{name}: {error.strerror or error}"
    return "" if _read(folder) else f"{STATE_FILE} or a file that it names is missing or cut short"


def read(folder: Path) -> Checkpoint:
    """The checkpoint in a folder; raises GanColorError where there is none, or a damaged one."""
    found = _read(folder)
    reason = _damage(folder) if found else "it is missing or not whole"
    if reason or found is None:
        raise GanColorError(f"checkpoint: cannot use {folder}: {reason}")
    return found


def load(found: Checkpoint, name: str) -> Tensors:
    """One of the checkpoint's tensor files; raises GanColorError for one that cannot be read."""
    earlier = legacy.CHECKPOINT_FILES.get(name, name)
    path = legacy.existing(found.folder / f"{name}.safetensors", f"{earlier}.safetensors")
    try:
        return legacy.tensors(load_file(path))
    except (OSError, SafetensorError) as error:
        raise GanColorError(f"checkpoint: cannot read {path}: {error}") from None


def load_noise(found: Checkpoint) -> Tensors | None:
    """The generators of noise of a checkpoint that was taken within an epoch; else None."""
    return load(found, "noise") if "noise.safetensors" in found.state["files"] else None


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
