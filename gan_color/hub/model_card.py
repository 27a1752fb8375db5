"""A model card (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993) from a model file's header.

It says what the file's training record says, and names what the record leaves open.
"""

from pathlib import Path
from typing import Any

from gan_color.hub.model_file import read_header

UNKNOWN = "not recorded"


def model_card(path: Path, notes: list[str] | None = None) -> str:
    """Markdown about a model file; `notes` are further lines, such as a parity report."""
    header = read_header(path)
    record: dict[str, Any] = header["record"]
    stages = record.get("stages") or []
    figures = record.get("figures") or {}
    lines = [
        f"# {path.name}",
        "",
        f"A photo colorizer of gan_color: `{header['name']}`. It predicts chroma (a*, b*) from "
        "lightness; the photo's own lightness is kept.",
        "",
        "## Training",
        "",
        f"- Run: {record.get('run', UNKNOWN)}",
        f"- Training photographs: {_number(record.get('training_images'))}",
        f"- Sources: {_sources(record.get('sources'))}",
        f"- License of the data: {record.get('data_license') or UNKNOWN}",
        f"- Images seen: {_number(record.get('images'))}",
        "",
        *_table(stages, ("name", "kind", "images", "size", "batch_size")),
        *_imported(record),
        "## Figures at the end of training",
        "",
        *([f"- {name}: {value:.4g}" for name, value in sorted(figures.items())] or [UNKNOWN]),
        "",
        "They were taken on this run's own validation photographs, at its own size: compare models "
        "with `gan-color evaluate` instead.",
        "",
        "## Limits",
        "",
        "- A photo has many true colors; this is one plausible answer, and no evidence of any.",
        "- What the training photographs lack, the model does not know.",
        "",
        "## Options",
        "",
        *(f"- {name}: `{value}`" for name, value in header["options"].items()),
    ]
    if notes:
        lines += ["", "## Exports", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def _imported(record: dict[str, Any]) -> list[str]:
    """Whose weights they are, where they were published by others."""
    if "imported" not in record:
        return []
    return [
        f"The weights are those of `{record['file']}` (SHA-256 {record['sha256']}), published at "
        f"{record['source']}; terms: {record['terms']}.",
        "",
    ]


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else UNKNOWN


def _sources(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count}" for name, count in value.items()) or UNKNOWN
    return str(value) if value else UNKNOWN


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[str]:
    if not rows:
        return []
    head = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return [*head, *(f"| {' | '.join(str(row.get(c, '')) for c in columns)} |" for row in rows), ""]
