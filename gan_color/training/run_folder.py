"""The folder of a run: made, found again, and held by one job at a time."""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_color.atomic import write_text
from gan_color.config.schema import Config, load
from gan_color.config.yaml_core import dump_yaml
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.training import checkpoint

LOCK = ".lock"


def resume_config(folder: Path, overrides: tuple[str, ...] = ()) -> Config:
    """The configuration of an existing run, placed where the run lies now."""
    path = folder / "config.yml"
    if not path.is_file():
        raise GanColorError(f"run: found no config.yml in {str(folder)!r}, expected a run's folder")
    where = folder.absolute()
    place = (f"run.dir={json.dumps(str(where.parent))}", f"run.name={json.dumps(where.name)}")
    return load(path, (*place, *overrides))


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Make a run's folder this process' own; GanColorError where another one that lives has it.

    The file names the holder; what locks it is the system, which lets go when the holder ends,
    however it ends. (Not flock: the workers of a killed run's loader would hold on to that.)
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # POSIX allows both
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise GanColorError(
                f"run: {folder} is being trained by {holder}; wait for its end or stop it, or "
                "choose another run.name"
            ) from None
        except OSError as error:
            console.print(
                f"run: {folder} cannot be locked ({error.strerror}): make sure that no other "
                "process trains it",
                markup=False,
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def open_folder(config: Config, resume: bool, overwrite: bool) -> checkpoint.Checkpoint | None:
    """Make or clear the run's folder, write config.yml, and find where to go on.

    Raises GanColorError where a run is in the way, or where every checkpoint is damaged.
    """
    folder = config.folder
    if not resume and (folder / "config.yml").exists():
        # A start that failed before its first checkpoint has left nothing to lose.
        if checkpoint.find(folder / "checkpoints") and not overwrite:
            raise GanColorError(
                f"run: {folder} holds a run already; go on with --resume {folder}, "
                "choose another run.name, or replace it with --overwrite"
            )
        _clear(folder)
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    found = _newest(folder / "checkpoints") if resume else None
    write_text(folder / "config.yml", dump_yaml(config.model_dump(mode="json")))
    if found:
        console.print(f"resuming {folder} after {found.folder.name}", markup=False)
    return found


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _newest(checkpoints: Path) -> checkpoint.Checkpoint | None:
    """The newest checkpoint that is not damaged, after a line about each that is."""
    damaged = checkpoint.damaged(checkpoints)
    for path, reason in damaged:
        console.print(f"resume: {path} is damaged, skipped: {reason}", markup=False)
    names = {path for path, _ in damaged}
    whole = [found for found in checkpoint.find(checkpoints) if found.folder not in names]
    if damaged and not whole:
        raise GanColorError(
            f"resume: found no whole checkpoint in {checkpoints} ({len(damaged)} damaged), "
            "expected one; restore one from a copy, or begin again with --overwrite"
        )
    return whole[-1] if whole else None
