"""Measurements that hang, fail, die or are not finished, for the runner of the GPU kit."""

import os
import subprocess
import time
from functools import partial
from pathlib import Path

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row


def well(settings: Settings) -> dict[str, Measurement]:
    return {"well": partial(_note, settings.folder, "well")}


def hanging(settings: Settings) -> dict[str, Measurement]:
    """The second measurement starts a process and waits for ever."""
    note = partial(_note, settings.folder)
    return {
        "before": partial(note, "before"),
        "hang": partial(_hang, settings.folder),
        "after": partial(note, "after"),
    }


def bad(settings: Settings) -> dict[str, Measurement]:
    return {"raise": _raise, "die": _die, "after": partial(_note, settings.folder, "after")}


def endless(settings: Settings) -> dict[str, Measurement]:
    return {"endless": partial(_go_on, settings.folder)}


def _note(folder: Path, name: str, _: float) -> list[Row]:
    with (folder / "notes").open("a") as file:
        file.write(f"{name}\n")
    return [{"noted": name}]


def _hang(folder: Path, _: float) -> list[Row]:
    child = subprocess.Popen(["sleep", "600"])
    (folder / "child").write_text(str(child.pid))
    time.sleep(600)
    return []


def _raise(_: float) -> list[Row]:
    raise ValueError("as it was\ntold")


def _die(_: float) -> list[Row]:
    os._exit(7)


def _go_on(folder: Path, _: float) -> list[Row]:
    _note(folder, "endless", 0)
    return [{"images": 5, "finished": len((folder / "notes").read_text().split()) > 2}]
