"""Clean a folder: check every image, find duplicates, quarantine rejects.

Nothing is deleted: `scrapers.clean.quarantine` restores everything.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from scrapers import manifest
from scrapers.checks import watermark
from scrapers.checks.inspect_image import Inspection
from scrapers.checks.phash import to_text
from scrapers.checks.rules import Rules
from scrapers.clean import quarantine, report
from scrapers.clean.deduplicate import find_duplicates
from scrapers.clean.quarantine import BY_HAND, QUARANTINE, STATE
from scrapers.clean.scan import scan
from scrapers.errors import KEEP, ScraperError
from scrapers.files import atomic, folder_lock, json_line, walk
from scrapers.images import is_image_file
from scrapers.manifest import Row

# Rows of files that are no longer there; one that comes back gets its row again.
MISSING = "missing.jsonl"


def files(folder: Path) -> list[str]:
    """The pictures of a dataset or plain folder, without quarantine; nothing else is touched.

    Captions, tables, archives, what has no name of a picture: side-cars stay where they are.
    """
    if not folder.is_dir():
        raise ScraperError(f"found no folder {str(folder)!r}, expected a folder of images")
    names = (path.relative_to(folder) for path in walk(folder))
    return [
        name.as_posix()
        for name in names
        if name.parts[0] != QUARANTINE and is_image_file(folder / name)
    ]


def clean(
    folder: Path,
    rules: Rules | None = None,
    dry_run: bool = False,
    workers: int | None = None,
    on_progress: Callable[[int], None] | None = None,
    write_report: bool = True,
    against: Path | None = None,
) -> Counter[str]:
    """Check every image of a folder, write manifest and report; returns counts by verdict.

    Args:
        folder: a dataset, or a plain folder, which gets its manifest here.
        rules: thresholds; default: datasets/clean.yml's.
        dry_run: move and rewrite nothing.
        workers: worker processes; default: one per core.
        on_progress: called with the number of newly checked files.
        write_report: write report.html.
        against: another folder, whose images are better than any copy of them here.

    Raises ScraperError for a folder without images, or without the packages that a rule needs.
    """
    rules = rules or Rules()
    if not folder.is_dir():
        raise ScraperError(f"found no folder {str(folder)!r}, expected a folder of images")
    if rules.watermarks:
        watermark.require_reader()
    with folder_lock(folder):
        earlier = quarantine.recover(folder, manifest.read(folder))
        names = files(folder)
        if not names and not earlier:
            raise ScraperError(f"found no files in {str(folder)!r}, expected images")
        examined = scan(folder, names, rules, workers, on_progress)
        by_hand = {row.file for row in earlier if row.reason == BY_HAND}
        for found in examined:
            if found.file in by_hand:
                found.verdict, found.reason = KEEP, BY_HAND
        others = _others(folder, against, rules, workers) if against else []
        find_duplicates(folder, _comparable(examined), rules, others)
        rows = _rows(folder, examined, earlier)
        if write_report:
            report.write(folder, rows, examined)
        manifest.write(folder, rows)
        if not dry_run:
            quarantine.move(folder, rows, {found.file: found for found in examined})
        return Counter(row.verdict.partition(":")[0] for row in rows)


def _others(folder: Path, against: Path, rules: Rules, workers: int | None) -> list[Inspection]:
    """The readable images of another folder, by absolute path; nothing is written there."""
    if against.resolve() == folder.resolve():
        raise ScraperError(f"--against: found {str(against)!r} itself, expected another folder")
    names = files(against)
    # Their verdicts do not count, so the slowest check is not made.
    rules = rules.model_copy(update={"watermarks": False})
    found = scan(against, names, rules, workers, state=folder / STATE / "against.jsonl")
    readable = [inspection for inspection in found if inspection.hashes]
    for inspection in readable:
        inspection.file = (against.resolve() / inspection.file).as_posix()
        inspection.verdict = KEEP
    return readable


def _comparable(examined: list[Inspection]) -> list[Inspection]:
    """Duplicate candidates: kept images, except those kept by hand."""
    return [f for f in examined if f.verdict == KEEP and f.reason != BY_HAND]


def _rows(folder: Path, examined: list[Inspection], earlier: list[Row]) -> list[Row]:
    """A row per file: its own, or that of a missing file of the same bytes, or a new one."""
    known = {row.file: row for row in earlier}
    missing = [row for row in earlier if not os.path.lexists(folder / row.file)]
    aside = folder / STATE / MISSING
    before = [manifest.from_json(row, aside) for row in manifest.read_rows(aside)]
    by_bytes = {row.sha256: row for row in (*before, *missing) if row.sha256}
    ids = {row.id for row in earlier}
    rows = []
    for found in examined:
        row = known.pop(found.file, None) or by_bytes.pop(found.sha256, None)
        if row is None:
            name = found.file
            while name in ids:
                name += "-2"
            row = Row(id=name, file=found.file, label=manifest.label_of(found.file))
        ids.add(row.id)
        row.file = found.file
        row.verdict, row.reason, row.score = found.verdict, found.reason, round(found.score, 4)
        row.sha256, row.bytes = found.sha256, found.bytes
        row.width, row.height = found.width, found.height
        row.phash = to_text(found.hashes[0]) if found.hashes else row.phash
        rows.append(row)
    here = {row.id for row in rows}
    gone = {row.id: row for row in (*before, *missing) if row.id not in here}
    with atomic(aside) as partial, partial.open("wb") as file:
        file.writelines(json_line(asdict(row)) for row in gone.values())
    # Rows of images that earlier runs quarantined.
    quarantined = [row for row in known.values() if row.file.startswith(f"{QUARANTINE}/")]
    return rows + [row for row in quarantined if row.id not in gone and row.id not in here]
