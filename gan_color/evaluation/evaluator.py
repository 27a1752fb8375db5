"""One pinned protocol for every answer to the question "what colours?": `evaluate` runs it."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from gan_color import distributed
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.evaluation.chunk_store import Store, key_of
from gan_color.evaluation.per_image import Judges, Measurer
from gan_color.evaluation.predictors import Answer
from gan_color.evaluation.protocols import RESIZE, Protocol
from gan_color.evaluation.summary import Summary
from gan_color.images.files import find_images

CHUNK = 64
FID_PICTURES = 5000
SMALL_N = (
    "FID of fewer than 5,000 pictures is biased upwards and not comparable with published values: "
    "compare answers of this table only, and prefer KID"
)
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-image", "torchmetrics")


@dataclass(frozen=True)
class Result:
    """An answer's figures as they go into JSON."""

    answer: Answer
    figures: dict[str, Any]


def evaluate(
    answers: list[Answer],
    data: Path,
    protocol: Protocol,
    judges: Judges,
    device: torch.device,
    work: Path,
) -> tuple[list[Result], Summary | None]:
    """Measure answers over every readable picture of a folder.

    Pictures are decoded once each, a chunk at a time, whatever the number of answers. What is
    measured goes into a hidden folder below `work`, from which an interrupted evaluation goes on,
    until `Summary.discard`. Under torchrun the ranks share that folder, and only the first
    summarises (the others get nothing). Raises GanColorError where nothing can be read.
    """
    paths = find_images(data)
    judges.to(device)
    key = key_of(
        {
            "protocol": [protocol.name, protocol.size, RESIZE],
            "answers": [[answer.name, answer.source] for answer in answers],
            "judges": [[space.name for space in judges.spaces], judges.weights],
            "pictures": [[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in paths],
            "versions": _versions(),
        }
    )
    store = Store(work / f".evaluate-{key}")
    parts = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    mine = range(distributed.rank(), len(parts), distributed.ranks())
    todo = [i for i in mine if not store.has(i)]
    if len(todo) < len(mine) and distributed.rank() == 0:
        console.print(f"going on: {len(mine) - len(todo)} of {len(mine)} chunks were there")
    measurer = Measurer(answers, protocol, judges, device)
    waiting = measurer.read_ahead(parts[todo[0]]) if todo else []
    shown = track(todo, "measuring", console=console, disable=distributed.rank() != 0)
    for position, number in enumerate(shown):
        pictures, following = waiting, todo[position + 1 : position + 2]
        waiting = measurer.read_ahead(parts[following[0]]) if following else []
        store.save(number, measurer.measure(parts[number], pictures))
    distributed.barrier()
    if distributed.rank() != 0:
        return [], None
    files, _ = store.names(len(parts))
    if not files:
        raise GanColorError(f"evaluate: none of the {len(paths)} files in {data} could be read")
    summary = Summary(store, len(parts), judges)
    with console.status("figures and intervals"):
        results = [Result(a, _record(a, summary, protocol, judges, data)) for a in answers]
    return results, summary


def _record(
    answer: Answer, summary: Summary, protocol: Protocol, judges: Judges, data: Path
) -> dict[str, Any]:
    n = len(summary.files)
    record: dict[str, Any] = {
        "answer": answer.name,
        "n": n,
        "protocol": protocol.name,
        "size": protocol.size if protocol.fixed else None,
        **summary.figures(answer.name),
        "spaces": {space.frechet_key: space.name for space in judges.spaces},
        "weights_sha256": judges.weights,
        "resize": RESIZE,
        "data": str(data),
        "model": str(answer.path) if answer.path else None,
        "model_sha256": answer.source if answer.path else None,
        "versions": _versions(),
        "commit": _commit(),
        "command": " ".join(sys.argv),
        "unreadable": summary.unreadable,
    }
    if n < FID_PICTURES and record.get("fid") is not None:
        record["warning"] = SMALL_N
    return record


def _versions() -> dict[str, str]:
    return {"gan-color": version("gan-color"), **{name: version(name) for name in PACKAGES}}


def _commit() -> str | None:
    """The commit of the source tree this package runs from, None for an installed one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=root, check=False
    )
    return found.stdout.strip() or None
