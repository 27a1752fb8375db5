"""Move files of a dataset together with their rows: whatever ends the process, no row is lost.

Every move is in `.moves.jsonl` before the first file moves, and the journal goes when the manifest
is written. In between, `manifest.read` looks where each file really is. Nothing is overwritten.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from scrapers import manifest
from scrapers.errors import ScraperError
from scrapers.files import Journal
from scrapers.formats import SUFFIXES, UNREAD
from scrapers.manifest import Row


def free_name(folder: Path, name: str, taken: Iterable[str] = ()) -> str:
    """`name`, or `stem-2.suffix`, `stem-3.suffix` ... if a file of that name exists or is taken."""
    path, number, found = Path(name), 1, name
    while found in taken or os.path.lexists(folder / found):
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
    return found


def move(folder: Path, rows: list[Row], wanted: list[tuple[Row, str]]) -> list[tuple[str, str]]:
    """Move files and write the manifest; returns (from, to) of each.

    Args:
        folder: the dataset, locked.
        rows: all rows of its manifest; those that move are changed.
        wanted: rows and the paths that they are to have; a name that is taken gets a number.

    Raises ScraperError, before anything moves, if a file is missing.
    """
    missing = [row.file for row, _ in wanted if not os.path.lexists(folder / row.file)]
    if missing:
        raise ScraperError(
            f"{folder}: {missing[0]}{f' and {len(missing) - 1:,} more' if missing[1:] else ''} of "
            "the manifest is missing; nothing was moved. Put it back, or run `clean`, which keeps "
            "its row aside"
        )
    moves: list[tuple[Row, str, str]] = []
    taken: set[str] = set()
    for row, target in wanted:
        if target != row.file:
            target = free_name(folder, target, taken)
            taken.add(target)
            moves.append((row, row.file, target))
    if moves:
        moves = [*_side_cars(folder, moves), *moves]
        with Journal(folder / manifest.MOVES) as journal:
            journal.append(*({"from": start, "to": target} for _, start, target in moves))
            journal.sync()
        for directory in {(folder / target).parent for _, _, target in moves}:
            directory.mkdir(parents=True, exist_ok=True)
        for row, start, target in moves:
            (folder / start).rename(folder / target)
            if row.file == start:
                row.file = target
    manifest.write(folder, rows)
    return [(start, target) for row, start, target in moves if row.file == target]


def _side_cars(folder: Path, moves: list[tuple[Row, str, str]]) -> list[tuple[Row, str, str]]:
    """Files that belong to one picture by their name (0001.txt to 0001.jpg) go where it goes."""
    stems: dict[Path, dict[str, list[str]]] = {}
    for directory in {Path(start).parent for _, start, _ in moves}:
        found = stems[directory] = {}
        with os.scandir(folder / directory) as entries:
            for entry in entries:
                found.setdefault(Path(entry.name).stem, []).append(entry.name)
    cars = []
    for row, start, target in moves:
        path = Path(start)
        others = [name for name in stems[path.parent].get(path.stem, ()) if name != path.name]
        others = [name for name in others if name not in manifest.OWN]
        if any(Path(name).suffix.lower() in ("", *SUFFIXES, *UNREAD) for name in others):
            continue  # several pictures of one name: whose would it be?
        for name in others:
            at = Path(target).with_suffix(Path(name).suffix).as_posix()
            if not os.path.lexists(folder / at):
                cars.append((row, (path.parent / name).as_posix(), at))
    return cars
