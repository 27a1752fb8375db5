"""A model card (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993) from a model file's header.

It says what the file's training record says, and names what the record leaves open.
"""

from pathlib import Path
from typing import Any

from gan_color.hub.model_file import read_header
from gan_color.hub.strengths import Strengths, strengths_of

UNKNOWN = "not recorded"


# What the Hugging Face Hub calls the licenses that a file's terms may name.
LICENSES = ("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0")


def terms(header: dict[str, Any]) -> list[str]:
    """What a model file's header says of what its weights may be used for; empty: nothing."""
    record = header["record"]
    said = [record.get(key) for key in ("license", "terms", "data_license")]
    start = record.get("init_from")  # a sentence in some files
    said += start["terms"] if isinstance(start, dict) else []
    return list(dict.fromkeys(str(each) for each in said if each))


def model_card(path: Path, notes: list[str] | None = None, repository: str | None = None) -> str:
    """Markdown about a model file.

    Args:
        path: the file.
        notes: further lines, such as a parity report.
        repository: "owner/name" on the Hugging Face Hub whose README.md this is to be.
    """
    header = read_header(path)
    record: dict[str, Any] = header["record"]
    stages = record.get("stages") or []
    figures = record.get("figures") or {}
    lines = [
        *(_metadata(header) if repository else ()),
        f"# {repository or path.name}",
        "",
        f"A photo colorizer of gan_color: `{header['name']}`. It predicts chroma (a*, b*) from "
        "lightness; the photo's own lightness is kept.",
        "",
        *(_use(repository) if repository else ()),
        "## Terms",
        "",
        f"- License of the weights: {record.get('license') or record.get('terms') or UNKNOWN}",
        f"- License of the data: {record.get('data_license') or UNKNOWN}",
        *_start(record.get("init_from")),
        "",
        "## Training",
        "",
        f"- Run: {record.get('run', UNKNOWN)}",
        f"- Training photographs: {_number(record.get('training_images'))}",
        f"- Sources: {_sources(record.get('sources'))}",
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
        *_strengths(strengths_of(path, header)),
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


def _metadata(header: dict[str, Any]) -> list[str]:
    """https://huggingface.co/docs/hub/model-cards#model-card-metadata"""
    said = terms(header)
    known = [each.lower() for each in said if each.lower() in LICENSES]
    lines = ["---", "library_name: gan_color", "pipeline_tag: image-to-image"]
    lines += ["tags:", "- colorization", "- gan_color"]
    if said:  # the whole of it is in the card; a license is named where there is nothing else
        other = ["license: other", "license_name: see-terms", "license_link: README.md"]
        lines += [f"license: {known[0]}"] if len(known) == len(said) == 1 else other
    return [*lines, "---", ""]


def _start(found: object) -> list[str]:
    """The terms of the weights that a training went on from, which hold for its own."""
    if isinstance(found, str):
        return [f"- Trained on from: {found}"]
    if not isinstance(found, dict):
        return []
    return [f"- Trained on from {found['file']}: {'; '.join(found['terms']) or UNKNOWN}"]


def _use(repository: str) -> list[str]:
    code = f'gan_color.load("hf-hub:{repository}").colorize("old.jpg").save("colorized.jpg")'
    return ["```python", "import gan_color", "", code, "```", ""]


def _strengths(said: Strengths) -> list[str]:
    lines = (("Good at", said["good_at"]), ("Bad at", said["bad_at"]))
    return [f"- {name}: {words}." for name, words in lines if words]


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
