"""Move rejected files to quarantine, and restore them.

Rejected files go to `quarantine/<verdict>/`, originals of rewritten images (rotated, converted to
sRGB, cropped) to `quarantine/original/`; `undo` restores all of them, `keep` one.
"""

import os
from pathlib import Path

from scrapers import manifest
from scrapers.checks.inspect_image import Inspection, inspect_image
from scrapers.checks.rules import Rules
from scrapers.clean.normalize import normalize
from scrapers.errors import KEEP, ScraperError
from scrapers.files import Journal, atomic, folder_lock, write_text
from scrapers.manifest import Row

BY_HAND = "kept by hand"
QUARANTINE, ORIGINAL, STATE = "quarantine", "original", ".clean"


def _journal(folder: Path) -> Path:
    return folder / STATE / "moved.jsonl"


def move(folder: Path, rows: list[Row], examined: dict[str, Inspection]) -> None:
    """Quarantine and normalize; each move is journaled first, then the rows are updated."""
    with Journal(_journal(folder)) as journal:
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
                with atomic(folder / row.file) as partial:
                    normalize(folder / row.file, found, partial)
                    journal.append({"from": row.file, "to": target, "rewritten": True})
                    (folder / target).parent.mkdir(parents=True, exist_ok=True)
                    (folder / row.file).rename(folder / target)
                row.reason = ", ".join(found.changes)
                _measure(folder, row)
    manifest.write(folder, rows)


def recover(folder: Path, rows: list[Row]) -> list[Row]:
    """Fix the rows after a run that was killed between a move and the manifest."""
    by_file = {row.file: row for row in rows}
    for move in manifest.read_rows(_journal(folder)):
        source, target = folder / move["from"], folder / move["to"]
        if os.path.lexists(source) or not os.path.lexists(target):
            continue
        if move.get("rewritten"):
            target.rename(source)  # its normalized copy was not in place yet
        elif move["from"] in by_file:
            by_file[move["from"]].file = move["to"]
    return rows


def _measure(folder: Path, row: Row) -> None:
    found = inspect_image(folder, row.file, Rules())
    row.sha256, row.bytes = found.sha256, found.bytes
    row.width, row.height = found.width, found.height


def keep(folder: Path, name: str) -> str:
    """Override a verdict: restore one file for good; returns its new path.

    `name` is its path in the manifest.
    """
    with folder_lock(folder):
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
    """Restore every quarantined file and clear all verdicts; returns how many files."""
    with folder_lock(folder):
        path = _journal(folder)
        origin: dict[str, str] = {}
        count = 0
        rows = manifest.read(folder)
        # `split` may have moved the copy that an original replaces.
        current = {Path(row.file).name: row.file for row in rows}
        for move in reversed(list(manifest.read_rows(path))):
            source, target = folder / move["to"], folder / move["from"]
            if move.get("rewritten") and not target.exists():
                target = folder / current.get(target.name, move["from"])
            if os.path.lexists(source):  # else the run was killed before the move
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
                count += 1
            origin[move["to"]] = move["from"]
        for row in rows:
            row.file = origin.get(row.file, row.file)
            row.verdict, row.reason, row.score = "", "", 0.0
        if rows:
            manifest.write(folder, rows)
        if path.exists():
            write_text(path, "")
        quarantine = folder / QUARANTINE
        for directory in [*sorted(quarantine.rglob("*"), reverse=True), quarantine]:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
        return count
