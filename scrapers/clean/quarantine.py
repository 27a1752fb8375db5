"""What `clean` moves, and how it comes back.

Refused files go to `quarantine/<verdict>/`, originals of pictures that were made upright, sRGB or
cropped to `quarantine/original/`; `undo` brings all of them back, `keep` one.
"""

from pathlib import Path

from scrapers import manifest
from scrapers.checks.inspect_image import Examined, examine
from scrapers.checks.rules import Rules
from scrapers.clean.normalize import normalise
from scrapers.errors import KEEP, ScraperError
from scrapers.files import Journal, only_one, read_jsonl, write_text
from scrapers.manifest import Row

BY_HAND = "kept by hand"
QUARANTINE, ORIGINAL, STATE = "quarantine", "original", ".clean"


def _log(folder: Path) -> Path:
    return folder / STATE / "moved.jsonl"


def move(folder: Path, rows: list[Row], examined: dict[str, Examined]) -> None:
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


def after_a_kill(folder: Path, rows: list[Row]) -> list[Row]:
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
