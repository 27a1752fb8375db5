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
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from scrapers.checks import duplicates
from scrapers.checks.colour import SIDE, shrink
from scrapers.checks.examine import Examined, examine
from scrapers.checks.integrity import decode, identify, to_rgb
from scrapers.checks.rules import Rules
from scrapers.checks.verdict import KEEP
from scrapers.files import Journal, read_jsonl
from scrapers.quarantine import STATE

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


def find_duplicates(folder: Path, kept: list[Examined], rules: Rules) -> None:
    """Mark every picture that copies a better one: `duplicate-of:FILE`. Splits do not matter."""
    ranked = sorted(kept, key=_rank)
    own = np.array([found.hashes[0] for found in ranked], np.uint64)
    candidates: set[tuple[int, int]] = set()
    by_bytes: dict[str, int] = {}
    for i, found in enumerate(ranked):
        first = by_bytes.setdefault(found.sha256, i)
        if first != i:
            candidates.add((first, i))
    if len(own):
        distinct, back = np.unique(own, return_inverse=True)
        members: dict[int, list[int]] = {}
        for i, at in enumerate(back.tolist()):
            members.setdefault(at, []).append(i)
        for number in range(duplicates.VARIANTS):
            asked = np.array([found.hashes[number] for found in ranked], np.uint64)
            for query, at in duplicates.near(distinct, rules.duplicate_distance, asked).tolist():
                for other in members[at]:
                    if other != query:
                        candidates.add((min(query, other), max(query, other)))

    @lru_cache(maxsize=4096)
    def thumbnail(i: int) -> np.ndarray:
        found = ranked[i]
        rgb = shrink(to_rgb(decode(identify(folder / found.file, rules.max_pixels), SIDE)))
        if found.box:
            height, width = rgb.shape[:2]
            left, top, right, bottom = found.box
            rgb = rgb[round(top * height) : round(bottom * height)]
            rgb = rgb[:, round(left * width) : round(right * width)]
        return duplicates.thumbnail(rgb)

    # The better first: whoever copies a copy is compared with what is kept, never chained.
    for better, worse in sorted(candidates):
        if ranked[better].verdict != KEEP or ranked[worse].verdict != KEEP:
            continue
        same = ranked[better].sha256 == ranked[worse].sha256
        score = 1.0 if same else duplicates.match(thumbnail(better), thumbnail(worse))
        if score >= rules.duplicate_match:
            found = ranked[worse]
            found.verdict = f"duplicate-of:{ranked[better].file}"
            found.reason = "same bytes" if same else f"thumbnails agree by {score:.2f}"
            found.score = score
