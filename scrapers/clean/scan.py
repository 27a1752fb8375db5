"""Check every image of a folder on all cores.

Results are cached in `.clean/examined.jsonl`, so that a killed run resumes and the next is fast.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import cv2

from scrapers.checks.duplicates import VARIANTS
from scrapers.checks.inspect_image import Inspection, inspect_image
from scrapers.checks.rules import Rules
from scrapers.clean.quarantine import STATE
from scrapers.files import Journal
from scrapers.manifest import read_rows

# With fewer new files, starting processes does not pay off.
MIN_PARALLEL = 200


def _init_worker() -> None:
    cv2.setNumThreads(1)


def _inspect_batch(task: tuple[str, list[str], Rules]) -> list[Inspection]:
    folder, names, rules = task
    return [inspect_image(Path(folder), name, rules) for name in names]


def scan(
    folder: Path,
    names: list[str],
    rules: Rules,
    workers: int | None = None,
    on_progress: Callable[[int], None] | None = None,
    state: Path | None = None,
) -> list[Inspection]:
    """Check files on all cores, reusing cached results of the same rules.

    `state`: the cache, if it is to lie elsewhere.
    """
    path = state or folder / STATE / "examined.jsonl"
    path.parent.mkdir(exist_ok=True)
    thresholds = rules.model_dump(mode="json")
    names_by_key = {_key(folder, name): name for name in names}
    checked: dict[str, Inspection] = {}
    with Journal(path) as journal:
        for row in read_rows(path):
            if (name := names_by_key.get(row["key"])) is None:
                continue
            hashes = row["found"].get("hashes")
            # Another number of hashes: cached by an earlier version.
            if row["rules"] == thresholds and (not hashes or len(hashes) == VARIANTS):
                checked[name] = Inspection(**row["found"]).compact(name)
        keys = {name: key for key, name in names_by_key.items() if name not in checked}
        new = list(keys)
        if on_progress:
            on_progress(len(names) - len(new))
        for part in _inspect_all(folder, new, rules, workers):
            journal.append(
                *(
                    {"key": keys[found.file], "rules": thresholds, "found": asdict(found)}
                    for found in part
                )
            )
            checked |= {found.file: found.compact(found.file) for found in part}
            if on_progress:
                on_progress(len(part))
    return [checked[name] for name in names]


def _key(folder: Path, name: str) -> str:
    try:
        status = (folder / name).stat()
    except OSError:  # a dead link, say: `inspect_image` tells
        return f"{name}|0|0"
    return f"{name}|{status.st_size}|{status.st_mtime_ns}"


def _inspect_all(
    folder: Path, names: list[str], rules: Rules, workers: int | None
) -> Iterator[list[Inspection]]:
    tasks = [(str(folder), names[i : i + 32], rules) for i in range(0, len(names), 32)]
    if len(names) < MIN_PARALLEL or workers == 1:
        yield from map(_inspect_batch, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count(), context, initializer=_init_worker) as pool:
        # In chunks, so that pending results stay small however large the folder is.
        for start in range(0, len(tasks), 256):
            yield from pool.map(_inspect_batch, tasks[start : start + 256])
