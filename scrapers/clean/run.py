"""Clean a folder: examine every picture, find duplicates, move what is refused to quarantine.

Nothing is deleted: `scrapers.clean.quarantine` brings all of it back.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from scrapers import manifest
from scrapers.checks.inspect_image import Examined
from scrapers.checks.phash import to_text
from scrapers.checks.rules import Rules
from scrapers.clean import quarantine, report
from scrapers.clean.deduplicate import find_duplicates
from scrapers.clean.quarantine import BY_HAND, QUARANTINE
from scrapers.clean.scan import examine_all
from scrapers.errors import KEEP, ScraperError
from scrapers.files import only_one
from scrapers.manifest import Row
from scrapers.sources.folder import pictures

# Files of a dataset's folder that are no pictures of it.
OWN = (manifest.JSONL, manifest.PARQUET, manifest.ATTRIBUTION, "report.html")


def files(folder: Path) -> list[str]:
    """Every file of a dataset, or of a plain folder, below it; quarantine and reports left out."""
    if not folder.is_dir():
        raise ScraperError(f"found no folder {str(folder)!r}, expected one with pictures")
    names = [path.relative_to(folder).as_posix() for path in pictures(folder)]
    return [n for n in names if n not in OWN and not n.startswith(f"{QUARANTINE}/")]


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
        earlier = quarantine.after_a_kill(folder, manifest.read(folder))
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
            quarantine.move(folder, rows, {found.file: found for found in examined})
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
