"""A second copy of a run, for machines that disappear: on a mounted drive, say.

`--resume` takes the copy's folder as it takes the run's.
"""

import shutil
from pathlib import Path

from gan_color.atomic import atomic_write
from gan_color.console import console
from gan_color.training.checkpoint import STATE_FILE, SUMS_FILE


def mirror(run: Path, target: Path) -> None:
    """Bring `target` up to date with a run's folder: whole checkpoints, and the files beside them.

    A copy that cannot be made is said and left for the next time: the run goes on.
    """
    if target.resolve() == run.resolve():
        return  # resumed from its own copy
    try:
        _copy_checkpoints(run / "checkpoints", target / "checkpoints")
        for path in sorted(run.iterdir()):
            if path.is_file() and not path.name.startswith(".") and _differs(path, target):
                with atomic_write(target / path.name) as temporary:
                    shutil.copy2(path, temporary)
    except OSError as error:
        console.print(
            f"run.mirror: cannot copy to {target}: {error.strerror or error}; trying again with "
            "the next checkpoint",
            markup=False,
        )


def _differs(path: Path, target: Path) -> bool:
    copy = target / path.name
    if not copy.exists():
        return True
    one, other = path.stat(), copy.stat()
    return one.st_size != other.st_size or int(one.st_mtime) != int(other.st_mtime)


def _copy_checkpoints(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in source.iterdir() if not path.name.startswith(".")}
    for name in sorted(names):
        if _identity(source / name) != _identity(target / name):
            temporary = target / f".{name}.part"
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(source / name, temporary)
            shutil.rmtree(target / name, ignore_errors=True)
            temporary.rename(target / name)
    for path in target.iterdir():  # only now: what it lacks is there by another name
        if path.name not in names:
            shutil.rmtree(path)


def _identity(folder: Path) -> bytes:
    """What tells a checkpoint from another of its name; nothing for one that is not there."""
    for name in (SUMS_FILE, STATE_FILE):
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    return b""
