"""Every picture of a folder examined on all cores, and the copies among them found.

What was learnt of a file is kept in `.clean/examined.jsonl`, so that a killed run goes on, and a
second one is quick.
"""

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import cv2

from scrapers.checks.inspect_image import Examined, examine
from scrapers.checks.rules import Rules
from scrapers.clean.quarantine import STATE
from scrapers.files import Journal, read_jsonl

# Fewer new files than these are not worth starting processes for.
FEW = 200
# Of formats that lose nothing a copy is larger, and no better than the JPEG it was made of.
_LOSSY = ("JPEG", "MPO", "WEBP")


def _start() -> None:
    cv2.setNumThreads(1)


def _examine(task: tuple[str, list[str], Rules]) -> list[Examined]:
    folder, names, rules = task
    return [examine(Path(folder), name, rules) for name in names]


def examine_all(
    folder: Path,
    names: list[str],
    rules: Rules,
    workers: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> list[Examined]:
    """Examine files on all cores; what an earlier run learnt by the same rules is taken over."""
    (folder / STATE).mkdir(exist_ok=True)
    ruled = rules.model_dump_json()
    known: dict[str, Examined] = {}
    path = folder / STATE / "examined.jsonl"
    with Journal(path) as journal:
        for row in read_jsonl(path):
            if row["rules"] == ruled:
                known[row["key"]] = Examined(**row["found"])
        keys = {name: _key(folder, name) for name in names}
        new = [name for name in names if keys[name] not in known]
        if watch:
            watch(len(names) - len(new))
        for part in _spread(folder, new, rules, workers):
            for found in part:
                known[keys[found.file]] = found
            journal.append(
                *(
                    {"key": keys[found.file], "rules": ruled, "found": asdict(found)}
                    for found in part
                )
            )
            if watch:
                watch(len(part))
    return [known[keys[name]] for name in names]


def _key(folder: Path, name: str) -> str:
    status = (folder / name).stat()
    return f"{name}|{status.st_size}|{status.st_mtime_ns}"


def _spread(
    folder: Path, names: list[str], rules: Rules, workers: int | None
) -> Iterator[list[Examined]]:
    tasks = [(str(folder), names[i : i + 32], rules) for i in range(0, len(names), 32)]
    if len(names) < FEW or workers == 1:
        yield from map(_examine, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count(), context, initializer=_start) as pool:
        # So many at a time, that what waits stays small however large the folder is.
        for start in range(0, len(tasks), 256):
            yield from pool.map(_examine, tasks[start : start + 256])


def _rank(found: Examined) -> tuple[int, bool, int, int, str]:
    """Which of two copies is kept, smallest first: larger, camera format, bytes, shorter name."""
    pixels = found.width * found.height
    if found.box:
        left, top, right, bottom = found.box
        pixels = round(pixels * (right - left) * (bottom - top))
    lossless = found.format not in _LOSSY
    # Within some 5 % size decides nothing: a framed copy, cropped, is no better than its original.
    return (
        -round(20 * math.log(max(1, pixels))),
        lossless,
        -found.bytes,
        len(found.file),
        found.file,
    )
