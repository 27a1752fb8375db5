"""gpu.md: what gpu.json holds, for a reader."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.parts import Part
from benchmarks.gpu.results import Results
from benchmarks.harness import as_markdown
from gan_color.atomic import write_text

FILE = "gpu.md"


def write(folder: Path, results: Results, parts: Sequence[Part]) -> None:
    """Write the tables of all parts that were reached."""
    write_text(folder / FILE, as_text(results, parts))


def as_text(results: Results, parts: Sequence[Part]) -> str:
    """A line for each part's state, then a heading and a table for each part."""
    title = "Measured on a GPU"
    if results.rehearsal:
        title = "A rehearsal on the CPU at toy sizes: no figure here says anything of a GPU"
    reached = [(part, results.parts[part.name]) for part in parts if part.name in results.parts]
    states = [
        {
            "part": part.name,
            "state": result.state,
            "seconds": result.seconds,
            "measured": len(result.rows),
            "reason": result.reason.replace("|", "/"),
        }
        for part, result in reached
    ]
    blocks = [f"# {title}", as_markdown([results.machine]), as_markdown(states)]
    for part, result in reached:
        rows = [row for found in result.rows.values() for row in found]
        if rows:
            blocks += [f"## {part.question}", as_markdown(rows)]
    return "\n\n".join(blocks) + "\n"
