"""The manifest: one row a picture, as jsonl (the truth, appended to) and parquet (written from it).

`manifest.jsonl` is what a killed run leaves whole; `manifest.parquet` and `ATTRIBUTION.md` are
written from it whenever a command ends.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from scrapers.errors import ScraperError
from scrapers.files import read_jsonl, write_text

JSONL, PARQUET, ATTRIBUTION = "manifest.jsonl", "manifest.parquet", "ATTRIBUTION.md"


@dataclass
class Row:
    """All that is known of one picture; paths are relative to the dataset's folder."""

    id: str
    file: str
    source: str = ""
    page: str = ""
    url: str = ""
    title: str = ""
    author: str = ""
    author_url: str = ""
    licence: str = ""
    licence_version: str = ""
    licence_url: str = ""
    attribution: str = ""
    sha256: str = ""
    phash: str = ""  # 16 hexadecimal digits
    width: int = 0
    height: int = 0
    bytes: int = 0
    taken_at: str = ""
    retrieved_at: str = ""  # UTC, ISO 8601
    terms: str = ""  # what the source allowed when this was fetched
    split: str = ""  # train, val, test, or "" before `split`
    verdict: str = ""  # "" before `clean`
    reason: str = ""
    score: float = 0.0


NAMES = tuple(field.name for field in fields(Row))
_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(Row).items()])


def to_json(row: Row) -> dict[str, Any]:
    """A row as jsonl holds it."""
    return asdict(row)


def from_json(row: dict[str, Any], where: Path) -> Row:
    """A row read back; ScraperError where it has no id or file, or one outside its folder."""
    known = {name: row[name] for name in NAMES if name in row}
    try:
        result = Row(**known)
    except TypeError:
        raise ScraperError(f"{where}: a row without id or file; it is no manifest") from None
    path = Path(result.file)
    if path.is_absolute() or ".." in path.parts:
        raise ScraperError(f"{where}: {result.file!r} leads out of the dataset's folder")
    return result


def read(folder: Path) -> list[Row]:
    """The rows of a dataset; an empty list where it has no manifest. Later rows win by id."""
    path = folder / JSONL
    rows = {row["id"]: from_json(row, path) for row in read_jsonl(path) if "id" in row}
    return list(rows.values())


def write(folder: Path, rows: Iterable[Row]) -> None:
    """Both manifests and ATTRIBUTION.md; each file whole or not at all, jsonl first."""
    rows = list(rows)
    lines = "".join(json.dumps(to_json(row), ensure_ascii=False) + "\n" for row in rows)
    write_text(folder / JSONL, lines)
    write_derived(folder, rows)


def write_derived(folder: Path, rows: list[Row]) -> None:
    """manifest.parquet and ATTRIBUTION.md from manifest.jsonl and its rows."""
    temporary = folder / f".{PARQUET}.part"
    if not rows:
        table = SCHEMA.empty_table()
    else:
        # Read from jsonl: making arrays of Python's lists imports pandas, a second of waiting.
        options = pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
        table = pj.read_json(folder / JSONL, parse_options=options).select(list(NAMES))
    pq.write_table(table, temporary)
    temporary.replace(folder / PARQUET)
    write_text(folder / ATTRIBUTION, attribution(rows))


def _escape(text: str) -> str:
    """Text of strangers as markdown that stays text."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(text, quote=False))


def attribution(rows: list[Row]) -> str:
    """ATTRIBUTION.md: the licences counted, then one line for every picture that is used."""
    used = [row for row in rows if row.verdict in ("", "keep")]
    counts = Counter((row.licence or "unstated", row.licence_url) for row in used)
    lines = [
        "# Attribution",
        "",
        f"{len(used)} pictures.",
        "",
        "| licence | pictures |",
        "|---|---|",
    ]
    lines += [f"| {name} {url} | {count} |" for (name, url), count in counts.most_common()]
    lines += [""]
    for row in sorted(used, key=lambda row: row.file):
        credit = _escape(row.attribution) or "no credit recorded"
        lines.append(f"- `{row.file}`: {credit}")
    return "\n".join(lines) + "\n"
