"""Remove pictures for good, as their owners ask: file, original and row, never collected again."""

from pathlib import Path

from scrapers import manifest
from scrapers.clean.quarantine import ORIGINAL, QUARANTINE, STATE
from scrapers.errors import ScraperError
from scrapers.files import Journal, folder_lock
from scrapers.manifest import Row

REMOVED = "removed.jsonl"  # ids, URLs and hashes, so that `collect` never brings them back


def remove(folder: Path, wanted: list[str]) -> int:
    """Delete every picture with one of these ids, URLs, pages, files or SHA-256; returns how many.

    Raises ScraperError, before anything is deleted, for one that names no picture.
    """
    with folder_lock(folder):
        rows = manifest.read(folder)
        found: dict[str, Row] = {}
        for name in wanted:
            named = [row for row in rows if name and name in _names(row)]
            if not named:
                raise ScraperError(
                    f"--remove: found no picture {name!r} in the manifest of {folder}, expected an "
                    "id, URL, page, file or SHA-256; nothing was removed"
                )
            found |= {row.id: row for row in named}
        originals = {
            entry.get("id", entry["from"]): entry["to"]
            for entry in manifest.read_rows(folder / STATE / "moved.jsonl")
            if entry.get("rewritten")
        }
        with Journal(folder / STATE / REMOVED) as journal:
            journal.append(
                *(
                    {"id": row.id, "url": row.url, "sha256": row.sha256, "file": row.file}
                    for row in found.values()
                )
            )
        for row in found.values():
            (folder / row.file).unlink(missing_ok=True)
            kept = originals.get(row.id, f"{QUARANTINE}/{ORIGINAL}/{row.file}")
            (folder / kept).unlink(missing_ok=True)
        manifest.write(folder, [row for row in rows if row.id not in found])
        return len(found)


def removed(folder: Path) -> set[str]:
    """Ids, URLs and hashes that may not come back."""
    rows = manifest.read_rows(folder / STATE / REMOVED)
    return {row[name] for row in rows for name in ("id", "url", "sha256") if row[name]}


def _names(row: Row) -> tuple[str, ...]:
    return row.id, row.url, row.page, row.file, row.sha256
