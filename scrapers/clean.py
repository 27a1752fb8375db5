"""Clean a folder: examine every picture, find duplicates, move what is refused to quarantine.

Nothing is deleted. Refused files go to `quarantine/<verdict>/`, originals of pictures that were
made upright, sRGB or cropped to `quarantine/original/`; `undo` brings all of them back. What was
learnt of a file is kept in `.clean/examined.jsonl`, so that a killed run goes on, and a second one
is quick.
"""

import math
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from scrapers import manifest, report
from scrapers.checks import duplicates
from scrapers.checks.colour import SIDE, shrink
from scrapers.checks.examine import Examined, examine
from scrapers.checks.integrity import decode, identify, to_rgb
from scrapers.checks.phash import to_text
from scrapers.checks.rules import Rules
from scrapers.checks.verdict import KEEP
from scrapers.errors import ScraperError
from scrapers.files import Journal, only_one, read_jsonl, write_text
from scrapers.manifest import Row
from scrapers.normalise import normalise
from scrapers.sources.folder import pictures

BY_HAND = "kept by hand"
QUARANTINE, ORIGINAL, STATE = "quarantine", "original", ".clean"
# Files of a dataset's folder that are no pictures of it.
OWN = (manifest.JSONL, manifest.PARQUET, manifest.ATTRIBUTION, "report.html")
# Fewer new files than these are not worth starting processes for.
FEW = 200
# Of formats that lose nothing a copy is larger, and no better than the JPEG it was made of.
_LOSSY = ("JPEG", "MPO", "WEBP")


def files(folder: Path) -> list[str]:
    """Every file of a dataset, or of a plain folder, below it; quarantine and reports left out."""
    if not folder.is_dir():
        raise ScraperError(f"found no folder {str(folder)!r}, expected one with pictures")
    names = [path.relative_to(folder).as_posix() for path in pictures(folder)]
    return [n for n in names if n not in OWN and not n.startswith(f"{QUARANTINE}/")]


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


def clean(
    folder: Path,
    rules: Rules | None = None,
    dry_run: bool = False,
    workers: int | None = None,
    watch: Callable[[int], None] | None = None,
    write_report: bool = True,
) -> Counter[str]:
    """Judge every picture of a folder, write the manifest and the report; verdicts counted.

    A plain folder gets its manifest here. `dry_run` moves and rewrites nothing.
    Raises ScraperError for a folder without pictures.
    """
    rules = rules or Rules()
    if not folder.is_dir():
        raise ScraperError(f"found no folder {str(folder)!r}, expected one with pictures")
    with only_one(folder):
        earlier = _after_a_kill(folder, manifest.read(folder))
        names = files(folder)
        if not names and not earlier:
            raise ScraperError(f"found no files in {str(folder)!r}, expected pictures")
        examined = examine_all(folder, names, rules, workers, watch)
        by_hand = {row.file for row in earlier if row.reason == BY_HAND}
        for found in examined:
            if found.file in by_hand:
                found.verdict, found.reason = KEEP, BY_HAND
        find_duplicates(folder, _comparable(examined), rules)
        rows = _rows(examined, earlier)
        if write_report:
            report.write(folder, rows, examined)
        manifest.write(folder, rows)
        if not dry_run:
            _move(folder, rows, {found.file: found for found in examined})
        return Counter(row.verdict.partition(":")[0] for row in rows)


def _comparable(examined: list[Examined]) -> list[Examined]:
    """What may be a duplicate: what was kept, but not by hand."""
    return [f for f in examined if f.verdict == KEEP and f.reason != BY_HAND]


def _rows(examined: list[Examined], earlier: list[Row]) -> list[Row]:
    known = {row.file: row for row in earlier}
    rows = []
    for found in examined:
        row = known.pop(found.file, None) or Row(id=found.file, file=found.file)
        row.verdict, row.reason, row.score = found.verdict, found.reason, round(found.score, 4)
        row.sha256, row.bytes = found.sha256, found.bytes
        row.width, row.height = found.width, found.height
        row.phash = to_text(found.hashes[0]) if found.hashes else row.phash
        rows.append(row)
    # What an earlier run quarantined keeps its row.
    return rows + [row for row in known.values() if row.file.startswith(f"{QUARANTINE}/")]


def _log(folder: Path) -> Path:
    return folder / STATE / "moved.jsonl"


def _move(folder: Path, rows: list[Row], examined: dict[str, Examined]) -> None:
    """Quarantine and normalise; every move is noted before it is made, then the rows follow."""
    with Journal(_log(folder)) as journal:
        for row in rows:
            found = examined.get(row.file)
            if found is None:
                continue
            kind = row.verdict.partition(":")[0]
            if kind != KEEP:
                target = f"{QUARANTINE}/{kind}/{row.file}"
                journal.append({"from": row.file, "to": target})
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                (folder / row.file).rename(folder / target)
                row.file = target
            elif found.changes and found.reason != BY_HAND:
                target = f"{QUARANTINE}/{ORIGINAL}/{row.file}"
                fresh = normalise(folder / row.file, found)
                journal.append({"from": row.file, "to": target, "rewritten": True})
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                (folder / row.file).rename(folder / target)
                fresh.rename(folder / row.file)
                row.reason = ", ".join(found.changes)
                _measure(folder, row)
    manifest.write(folder, rows)


def _after_a_kill(folder: Path, rows: list[Row]) -> list[Row]:
    """The rows as the disk has it, where a run was killed between a move and the manifest."""
    by_file = {row.file: row for row in rows}
    for move in read_jsonl(_log(folder)):
        source, target = folder / move["from"], folder / move["to"]
        if source.exists() or not target.exists():
            continue
        if move.get("rewritten"):
            target.rename(source)  # its normalised copy was not in place yet
        elif move["from"] in by_file:
            by_file[move["from"]].file = move["to"]
    return rows


def _measure(folder: Path, row: Row) -> None:
    found = examine(folder, row.file, Rules())
    row.sha256, row.bytes = found.sha256, found.bytes
    row.width, row.height = found.width, found.height


def keep(folder: Path, name: str) -> str:
    """Overrule a verdict: bring one file back from quarantine, never to be refused again.

    `name` is its path in the manifest; the path that it has then is returned.
    """
    with only_one(folder):
        rows = manifest.read(folder)
        row = next((row for row in rows if row.file == name), None)
        if row is None or not name.startswith(f"{QUARANTINE}/"):
            raise ScraperError(
                f"--keep: found no {name!r} in the manifest, expected {QUARANTINE}/VERDICT/FILE"
            )
        target = Path(*Path(name).parts[2:])
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(folder / target)
        row.file, row.verdict, row.reason = target.as_posix(), KEEP, BY_HAND
        manifest.write(folder, rows)
        return row.file


def undo(folder: Path) -> int:
    """Bring every quarantined file back to its place and forget all verdicts; how many files."""
    with only_one(folder):
        path = _log(folder)
        back: dict[str, str] = {}
        count = 0
        rows = manifest.read(folder)
        # `split` may have moved the copy that an original has to replace.
        now = {Path(row.file).name: row.file for row in rows}
        for move in reversed(list(read_jsonl(path))):
            source, target = folder / move["to"], folder / move["from"]
            if move.get("rewritten") and not target.exists():
                target = folder / now.get(target.name, move["from"])
            if source.exists():  # else the run was killed before it moved
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
                count += 1
            back[move["to"]] = move["from"]
        for row in rows:
            row.file = back.get(row.file, row.file)
            row.verdict, row.reason, row.score = "", "", 0.0
        if rows:
            manifest.write(folder, rows)
        if path.exists():
            write_text(path, "")
        quarantine = folder / QUARANTINE
        for place in [*sorted(quarantine.rglob("*"), reverse=True), quarantine]:
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()
        return count
