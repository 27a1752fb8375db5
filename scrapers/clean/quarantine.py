"""Move rejected files to quarantine, and restore them.

Rejected files go to `quarantine/<verdict>/`, originals of rewritten images (rotated, converted to
sRGB, cropped) to `quarantine/original/`; `undo` restores all of them, `keep` one.
"""

import os
from pathlib import Path
from typing import Any

from scrapers import manifest
from scrapers.checks.inspect_image import Inspection, inspect_image
from scrapers.checks.rules import Rules
from scrapers.clean.normalize import normalize
from scrapers.errors import KEEP, ScraperError
from scrapers.files import Journal, atomic, folder_lock, sha256, write_text
from scrapers.manifest import Row
from scrapers.moves import free_name
from scrapers.moves import move as move_files

BY_HAND = "kept by hand"
QUARANTINE, ORIGINAL, STATE = "quarantine", "original", ".clean"


def _journal(folder: Path) -> Path:
    return folder / STATE / "moved.jsonl"


def move(folder: Path, rows: list[Row], examined: dict[str, Inspection]) -> None:
    """Quarantine and normalize; what is rewritten is in a journal that `undo` reads."""
    rejected = [row for row in rows if row.file in examined and row.verdict != KEEP]
    move_files(
        folder,
        rows,
        [(r, f"{QUARANTINE}/{r.verdict.partition(':')[0]}/{r.file}") for r in rejected],
    )
    originals = _originals(folder)
    with Journal(_journal(folder)) as journal:
        for row in rows:
            found = examined.get(row.file)
            if found and row.verdict == KEEP and found.changes and found.reason != BY_HAND:
                _rewrite(folder, row, found, originals, journal)
    manifest.write(folder, rows)


def _originals(folder: Path) -> dict[str, dict[str, Any]]:
    """The last rewriting of each row, by id, whose original is still in quarantine."""
    found = {}
    for entry in manifest.read_rows(_journal(folder)):
        if entry.get("rewritten") and os.path.lexists(folder / entry["to"]):
            # Earlier versions wrote no id: a plain folder's id is its path.
            found[entry.get("id", entry["from"])] = entry
    return found


def _rewrite(
    folder: Path, row: Row, found: Inspection, originals: dict[str, Any], journal: Journal
) -> None:
    """Normalize one file. Its true original stays in quarantine, also when this is not the first
    time: what an earlier run wrote is no original.
    """
    earlier = originals.get(row.id) or originals.get(row.file)
    target = f"{QUARANTINE}/{ORIGINAL}/{row.file}"
    with atomic(folder / row.file) as partial:
        normalize(folder / row.file, found, partial)
        entry = {"from": row.file, "rewritten": True, "id": row.id}
        entry["result"] = sha256(partial.read_bytes())
        if earlier and earlier.get("result", row.sha256) == row.sha256:
            journal.append({**entry, "to": earlier["to"]})
        else:
            target = free_name(folder, target)
            journal.append({**entry, "to": target})
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / row.file).rename(folder / target)
    row.reason = ", ".join(found.changes)
    _measure(folder, row)


def recover(folder: Path, rows: list[Row]) -> list[Row]:
    """Fix the rows after a run that was killed between a move and the manifest."""
    by_file = {row.file: row for row in rows}
    for entry in manifest.read_rows(_journal(folder)):
        source, target = folder / entry["from"], folder / entry["to"]
        if os.path.lexists(source) or not os.path.lexists(target):
            continue
        if not entry.get("rewritten"):
            if entry["from"] in by_file:
                by_file[entry["from"]].file = entry["to"]
        elif entry["from"] in by_file or not rows:
            target.rename(source)  # its normalized copy was not in place yet
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
        row.verdict, row.reason = KEEP, BY_HAND
        move_files(folder, rows, [(row, _origin(name))])
        return row.file


def undo(folder: Path) -> int:
    """Restore every quarantined file and clear all verdicts; returns how many files.

    A file that came in place of one that is restored stays: the restored one gets a number.
    """
    with folder_lock(folder):
        path = _journal(folder)
        rows = recover(folder, manifest.read(folder))
        quarantined = [
            row
            for row in rows
            if row.file.startswith(f"{QUARANTINE}/") and os.path.lexists(folder / row.file)
        ]
        wanted = [(row, _origin(row.file)) for row in quarantined]
        count = len(move_files(folder, rows, wanted)) if wanted else 0
        count += _restore_unlisted(folder)
        count += _restore_originals(folder, rows, list(manifest.read_rows(path)))
        for row in rows:
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


def _origin(name: str) -> str:
    """Where a file of `quarantine/VERDICT/` came from."""
    return Path(*Path(name).parts[2:]).as_posix()


def _restore_unlisted(folder: Path) -> int:
    """Restore what no row names, as after a lost manifest."""
    count = 0
    for path in sorted((folder / QUARANTINE).rglob("*")):
        name = path.relative_to(folder)
        if (
            len(name.parts) < 3
            or name.parts[1] == ORIGINAL
            or (path.is_dir() and not path.is_symlink())
        ):
            continue
        target = folder / free_name(folder, _origin(name.as_posix()))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        count += 1
    return count


def _restore_originals(folder: Path, rows: list[Row], entries: list[dict[str, Any]]) -> int:
    """Put originals back in place of what was made from them, wherever `split` moved that."""
    by_id = {row.id: row for row in rows}
    by_name = {Path(row.file).name: row for row in rows}
    count = 0
    for entry in reversed(entries):
        source = folder / entry["to"]
        if not entry.get("rewritten") or not os.path.lexists(source):
            continue
        row = by_id.get(entry.get("id", "")) or by_id.get(entry["from"])
        if row is None and not os.path.lexists(folder / entry["from"]):
            row = by_name.get(Path(entry["from"]).name)
        name = row.file if row else entry["from"]
        target = folder / name
        if target.is_file() and sha256(target.read_bytes()) != entry.get("result", ""):
            known = "result" not in entry  # earlier versions did not say what they wrote
            target = target if known else folder / free_name(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        if row and target == folder / row.file:
            data = target.read_bytes()
            row.sha256, row.bytes = sha256(data), len(data)
        count += 1
    return count
