"""The manifest: one row per image, as jsonl (the source of truth, append-only) and parquet.

`manifest.jsonl` survives a kill; `manifest.parquet`, `ATTRIBUTION.md` and, once there are splits, a
`metadata.jsonl` in each of their folders are derived from it when a command ends.
"""

import html
import io
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from scrapers.errors import ScraperError
from scrapers.files import atomic, json_line, read_jsonl, write_lines

JSONL, PARQUET, ATTRIBUTION = "manifest.jsonl", "manifest.parquet", "ATTRIBUTION.md"
MOVES = ".moves.jsonl"  # of scrapers.moves: files on their way
# What Hugging Face's `imagefolder` reads beside the images of a split.
METADATA = "metadata.jsonl"
METADATA_COLUMNS = (
    "file_name",
    "label",
    "license",
    "license_version",
    "license_url",
    "credit",
    "source_url",
)
OWN = (JSONL, PARQUET, ATTRIBUTION, METADATA, "report.html", "report.json")
SPLITS = ("train", "val", "test")
SPLIT_METADATA = {f"images/{split}/{METADATA}": split for split in SPLITS}
PARQUET_ROWS = 10_000  # converted at a time
# Names in files of earlier versions -> names today, for manifests, journals and URL lists.
RENAMED = {
    "licence": "license",
    "licence_version": "license_version",
    "licence_url": "license_url",
    "refused": "rejected",
    "grey_chroma": "gray_chroma",
    "flat_colours": "flat_colors",
}


def translate(row: dict[str, Any]) -> dict[str, Any]:
    """A row of any version under today's names; nested mappings included."""
    if isinstance(row.get("rules"), str):  # once JSON inside the JSON of .clean/examined.jsonl
        row = {**row, "rules": json.loads(row["rules"])}
    return {
        RENAMED.get(name, name): translate(value) if isinstance(value, dict) else value
        for name, value in row.items()
    }


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a manifest or journal of any version; none if there is no such file."""
    return map(translate, read_jsonl(path))


@dataclass(slots=True)
class Row:
    """Everything known about one image; paths are relative to the dataset folder."""

    id: str
    file: str
    source: str = ""
    page: str = ""
    url: str = ""
    title: str = ""
    author: str = ""
    author_url: str = ""
    license: str = ""
    license_version: str = ""
    license_url: str = ""
    attribution: str = ""
    sha256: str = ""
    phash: str = ""  # 16 hexadecimal digits
    width: int = 0
    height: int = 0
    bytes: int = 0
    taken_at: str = ""
    retrieved_at: str = ""  # UTC, ISO 8601
    terms: str = ""  # what the source allowed when it was fetched
    label: str = ""  # its class: the folder it came from, such as `berry`
    split: str = ""  # train, val, test, or "" before `split`
    verdict: str = ""  # "" before `clean`
    reason: str = ""
    score: float = 0.0


NAMES = tuple(field.name for field in fields(Row))
# Columns whose texts many rows share: held once.
_REPEATED = frozenset(
    (
        *("source", "author", "author_url", "license", "license_version", "license_url"),
        *("terms", "label", "split", "verdict"),
    )
)
_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(Row).items()])


def from_json(row: dict[str, Any], where: Path) -> Row:
    """A row from jsonl; ScraperError without id or file, or if the file is outside the folder."""
    known = {name: row[name] for name in NAMES if name in row}
    for name in _REPEATED & known.keys():
        if isinstance(known[name], str):
            known[name] = sys.intern(known[name])
    try:
        result = Row(**known)
    except TypeError:
        raise ScraperError(f"{where}: a row without id or file; not a manifest") from None
    path = Path(result.file)
    if path.is_absolute() or ".." in path.parts:
        raise ScraperError(f"{where}: {result.file!r} is outside the dataset folder")
    return result


def label_of(file: str) -> str:
    """The class of a file: its folders, without `images` and the split in front of them."""
    parts = list(Path(file).parts[:-1])
    while parts and parts[0] in ("images", *SPLITS):
        del parts[0]
    return "/".join(parts)


def read(folder: Path) -> list[Row]:
    """The rows of a dataset, [] without a manifest. Later rows override earlier ones by id.

    Rows of files that a killed command has moved already say where they are now.
    """
    path = folder / JSONL
    by_id = {row["id"]: from_json(row, path) for row in read_rows(path) if "id" in row}
    rows = list(by_id.values())
    moved = {move["from"]: move["to"] for move in read_rows(folder / MOVES)}
    for row in rows if moved else ():
        target = moved.get(row.file)
        if target and not _exists(folder, row.file) and _exists(folder, target):
            row.file = target
    return rows


def _exists(folder: Path, name: str) -> bool:
    return os.path.lexists(folder / name)


def write(folder: Path, rows: Iterable[Row]) -> None:
    """Write both manifests and ATTRIBUTION.md, each atomically, jsonl first."""
    rows = list(rows)
    with atomic(folder / JSONL) as partial, partial.open("wb") as file:
        file.writelines(json_line(asdict(row)) for row in rows)
    (folder / MOVES).unlink(missing_ok=True)
    write_derived(folder, rows)


def write_derived(folder: Path, rows: list[Row]) -> None:
    """Write what is derived from the rows of manifest.jsonl."""
    with (
        atomic(folder / PARQUET) as partial,
        pq.ParquetWriter(partial, SCHEMA) as writer,
    ):
        for start in range(0, len(rows), PARQUET_ROWS):
            writer.write_table(to_table(rows[start : start + PARQUET_ROWS]))
    write_lines(folder / ATTRIBUTION, attribution(rows))
    for name, split in SPLIT_METADATA.items():
        if not is_foreign_metadata(folder / name):
            _write_metadata(folder / name, metadata(rows, split))


def to_table(rows: list[Row]) -> pa.Table:
    """Rows as a table of SCHEMA."""
    # By way of jsonl: building arrays from Python lists imports pandas, which takes a second.
    data = b"".join(
        json.dumps(asdict(row), ensure_ascii=False).encode(errors="replace") + b"\n" for row in rows
    )
    parse = pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    whole = pj.ReadOptions(block_size=len(data) + 1)  # a row may be longer than the default block
    return pj.read_json(io.BytesIO(data), read_options=whole, parse_options=parse).select(
        list(NAMES)
    )


def _escape(text: str) -> str:
    """Escape untrusted text for markdown."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(text, quote=False))


def attribution(rows: list[Row]) -> Iterator[str]:
    """The lines of ATTRIBUTION.md: images per license, then one credit per kept image."""
    used = [row for row in rows if row.verdict in ("", "keep")]
    counts = Counter((row.license or "unstated", row.license_url) for row in used)
    yield from (
        "# Attribution",
        "",
        f"{len(used)} images.",
        "",
        "| license | images |",
        "|---|---|",
    )
    yield from (f"| {name} {url} | {count} |" for (name, url), count in counts.most_common())
    yield ""
    for row in sorted(used, key=lambda row: row.file):
        yield f"- `{row.file}`: {_escape(row.attribution) or 'no credit recorded'}"


def metadata(rows: list[Row], split: str) -> Iterator[dict[str, str]]:
    """The lines of the metadata.jsonl of a split: its kept images, by paths relative to it."""
    folder = f"images/{split}/"
    for row in rows:
        kept = row.verdict in ("", "keep") and row.split == split and row.file.startswith(folder)
        if kept and _is_utf8(row.file):  # other names cannot be said in JSON
            texts = (row.file.removeprefix(folder), row.label, row.license, row.license_version)
            more = (row.license_url, row.attribution, row.page or row.url)
            yield dict(zip(METADATA_COLUMNS, (*texts, *more), strict=True))


def is_foreign_metadata(path: Path) -> bool:
    """Whether a metadata.jsonl is there with other columns than ours, so that it must stay."""
    if not os.path.lexists(path):
        return False
    try:
        with path.open(encoding="utf-8") as file:
            first = json.loads(file.readline())
    except (OSError, ValueError):
        return True
    return not isinstance(first, dict) or first.keys() != set(METADATA_COLUMNS)


def _write_metadata(path: Path, lines: Iterator[dict[str, str]]) -> None:
    """Write metadata.jsonl, or remove it where there are no images."""
    first = next(lines, None)
    if first is None:
        path.unlink(missing_ok=True)
        return
    text = (json.dumps(line, ensure_ascii=False) for line in chain([first], lines))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_lines(path, text)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
