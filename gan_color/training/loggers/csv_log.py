"""log.csv, which every run writes, whatever else tracks it."""

import csv
from pathlib import Path
from typing import Any

from gan_color.atomic import atomic_write
from gan_color.config import legacy


class CsvLog:
    """log.csv: one row per report, columns added as they come; an empty cell means "not now"."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.columns = [legacy.log_column(name) for name in next(csv.reader(file), [])]

    def rows(self) -> list[dict[str, str]]:
        """Every row so far."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            next(file, None)  # the header, which may be of an earlier version
            return list(csv.DictReader(file, self.columns))

    def add(self, row: dict[str, Any]) -> None:
        """Append a row."""
        new = [name for name in row if name not in self.columns]
        if new:
            rows = self.rows()
            self.columns += new
            self._rewrite(rows)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="").writerow(row)

    def whole_rows(self) -> list[dict[str, str]]:
        """Every row so far, without one that a kill left half-written."""
        rows = self.rows()
        if rows and not self.path.read_bytes().endswith(b"\n"):
            rows.pop()
        return [row for row in rows if (row.get("total_images") or "").isdecimal()]

    def cut(self, total_images: int) -> None:
        """Drop what a killed run logged after its last checkpoint."""
        if self.columns:
            self._rewrite([r for r in self.whole_rows() if int(r["total_images"]) <= total_images])

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        with (
            atomic_write(self.path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
