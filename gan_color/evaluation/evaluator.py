"""`evaluate`: every predictor on every image of a folder, under one pinned protocol."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from gan_color import distributed
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.evaluation.chunk_store import Store, key_of
from gan_color.evaluation.environment import commit, versions
from gan_color.evaluation.per_image import COLUMNS, Measurer, MetricNetworks
from gan_color.evaluation.predictors import Predictor
from gan_color.evaluation.protocols import RESIZE, EvalProtocol
from gan_color.evaluation.summary import Summary
from gan_color.images.files import find_images
from gan_color.images.tar import stamp

CHUNK = 64
FID_MIN_IMAGES = 5000
SMALL_N = (
    "FID of fewer than 5,000 images is biased upwards and not comparable with published values: "
    "compare within this table only, and prefer KID"
)


@dataclass(frozen=True)
class Result:
    """A predictor's metrics as they go into JSON."""

    predictor: Predictor
    figures: dict[str, Any]


def evaluate(
    predictors: list[Predictor],
    data: Path,
    protocol: EvalProtocol,
    networks: MetricNetworks,
    device: torch.device,
    work: Path,
) -> tuple[list[Result], Summary | None]:
    """Evaluate predictors on every readable image of a folder that is not gray.

    Images are decoded once each, a chunk at a time, whatever the number of predictors. What is
    measured goes into a hidden folder below `work`, from which an interrupted evaluation goes on,
    until `Summary.discard`. Under torchrun the ranks share that folder, and only the first
    summarizes (the others get nothing). Raises GanColorError where nothing can be read.
    """
    paths = find_images(data)
    networks.to(device)
    key = key_of(
        {
            "protocol": [protocol.name, protocol.size, RESIZE, protocol.keep_gray],
            "predictors": [[predictor.name, predictor.source] for predictor in predictors],
            "columns": COLUMNS,
            "networks": [[extractor.name for extractor in networks.extractors], networks.weights],
            "images": [[str(path), *stamp(path)] for path in paths],
            "versions": versions(),
        }
    )
    store = Store(work / f".evaluate-{key}")
    parts = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    mine = range(distributed.rank(), len(parts), distributed.world_size())
    todo = [i for i in mine if not store.has(i)]
    if len(todo) < len(mine) and distributed.rank() == 0:
        console.print(f"resuming: {len(mine) - len(todo)}/{len(mine)} chunks cached")
    measurer = Measurer(predictors, protocol, networks, device)
    waiting = measurer.read_ahead(parts[todo[0]]) if todo else []
    shown = track(todo, "evaluating", console=console, disable=distributed.rank() != 0)
    for position, number in enumerate(shown):
        images, following = waiting, todo[position + 1 : position + 2]
        waiting = measurer.read_ahead(parts[following[0]]) if following else []
        store.save(number, measurer.measure(parts[number], images))
    distributed.barrier()
    if distributed.rank() != 0:
        return [], None
    summary = Summary(store, len(parts), networks)
    if not summary.files:
        summary.discard()
        found = f"{len(summary.gray)} gray and {len(summary.unreadable)} unreadable files"
        raise GanColorError(
            f"evaluate: found {found} in {data}, expected color photographs"
            + ("; --keep-gray measures gray ones" if summary.gray else "")
        )
    with console.status("figures and intervals"):
        results = [Result(a, _record(a, summary, protocol, networks, data)) for a in predictors]
    return results, summary


def _record(
    predictor: Predictor,
    summary: Summary,
    protocol: EvalProtocol,
    networks: MetricNetworks,
    data: Path,
) -> dict[str, Any]:
    n = len(summary.files)
    record: dict[str, Any] = {
        "predictor": predictor.name,
        "n": n,
        "protocol": protocol.name,
        "size": protocol.size if protocol.fixed else None,
        **summary.figures(predictor.name),
        "spaces": {extractor.frechet_key: extractor.name for extractor in networks.extractors},
        "weights_sha256": networks.weights,
        "resize": RESIZE,
        "data": str(data),
        "model": str(predictor.path) if predictor.path else None,
        "model_sha256": predictor.source if predictor.path else None,
        "versions": versions(),
        "commit": commit(),
        "command": " ".join(sys.argv),
        "unreadable": summary.unreadable,
        "gray": summary.gray,  # skipped; empty with keep_gray
        "keep_gray": protocol.keep_gray,
    }
    if n < FID_MIN_IMAGES and record.get("fid") is not None:
        record["warning"] = SMALL_N
    return record
