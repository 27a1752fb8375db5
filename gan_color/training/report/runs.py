"""Runs on this disk: the state of each, and several side by side."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_color.atomic import write_text
from gan_color.config.yaml_file import flatten, read_yaml
from gan_color.errors import GanColorError
from gan_color.evaluation.html_report import png, render
from gan_color.training import checkpoint
from gan_color.training.best_snapshot import read_evaluations
from gan_color.training.loggers.csv_log import CsvLog

# Columns of log.csv that are drawn, with their titles.
CURVES = {
    "psnr": "PSNR (dB), validation",
    "colorfulness": "colorfulness, validation",
    "snapshot_score": "early stopping score",
    "snapshot_frechet": "Fréchet distance of snapshots",
    "pixel": "pixel loss",
    "adversarial": "adversarial loss",
    "feature_matching": "feature matching loss",
    "discriminator": "discriminator loss",
    "lr": "learning rate",
}
# Columns whose best value is listed.
BEST = {"psnr": max, "colorfulness": max, "snapshot_score": min}


@dataclass(frozen=True)
class RunSummary:
    """The state of a run. `best` has the metrics of BEST that the run logged."""

    folder: Path
    state: str  # "finished", "resumable" or "empty"
    stage: str
    images: int
    best: dict[str, float]
    best_snapshot: dict[str, Any] | None  # that early stopping went back to


def summarize_run(folder: Path) -> RunSummary:
    """Read a run's folder; GanColorError if it is none."""
    if not (folder / "config.yml").is_file():
        raise GanColorError(
            f"runs: found no config.yml in {str(folder)!r}, expected a run's folder"
        )
    rows = CsvLog(folder / "log.csv").rows()
    best = {}
    for name, better in BEST.items():
        values = [float(row[name]) for row in rows if row.get(name)]
        if values:
            best[name] = better(values)
    found = checkpoint.find(folder / "checkpoints")
    state = "resumable" if found else "empty"
    if (folder / "model.safetensors").is_file():
        state = "finished"
    evaluations = read_evaluations(folder)
    best_snapshot = evaluations["best"] if evaluations else None
    stage, images = "–", 0
    if found:
        stage, images = found[-1].state["stage"], found[-1].state["total_images"]
    return RunSummary(folder, state, stage, images, best, best_snapshot)


def list_runs(folder: Path) -> list[RunSummary]:
    """Every run directly below a folder, by name; GanColorError if there is none."""
    found = sorted(p.parent for p in folder.glob("*/config.yml"))
    if not found:
        raise GanColorError(
            f"runs: found no run in {str(folder)!r}, expected folders with config.yml"
        )
    return [summarize_run(path) for path in found]


def compare_runs(folders: list[Path], page: Path) -> None:
    """Write a page with the runs' curves over images, their best metrics, and how they differ."""
    summaries = [summarize_run(folder) for folder in folders]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    logs = {n: CsvLog(f / "log.csv").rows() for n, f in zip(names, folders, strict=True)}
    rows = [
        [name, s.state, s.stage, f"{s.images:,}"]
        + [f"{s.best[key]:.3f}" if key in s.best else "–" for key in BEST]
        for name, s in zip(names, summaries, strict=True)
    ]
    text = render(
        "compare_runs.html",
        header=["run", "state", "stage", "images", *BEST],
        rows=rows,
        curves=_draw(logs),
        names=names,
        differences=_differences(folders),
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_text(page, text)


def _differences(folders: list[Path]) -> list[list[str]]:
    flats = [
        {key: json.dumps(value) for key, value in flatten(read_yaml(folder / "config.yml")).items()}
        for folder in folders
    ]
    keys = sorted(set().union(*flats) - {"run.name", "run.dir"})
    rows = [[key, *(flat.get(key, "–") for flat in flats)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _draw(logs: dict[str, list[dict[str, str]]]) -> bytes:
    from matplotlib.figure import Figure

    shown = [
        (name, title)
        for name, title in CURVES.items()
        if any(row.get(name) for rows in logs.values() for row in rows)
    ]
    if not shown:
        return b""
    figure = Figure(figsize=(9, 2.4 * len(shown)), layout="constrained")
    for i, (name, title) in enumerate(shown):
        axes = figure.add_subplot(len(shown), 1, i + 1)
        for run, rows in logs.items():
            points = [(float(r["total_images"]), float(r[name])) for r in rows if r.get(name)]
            if points:
                axes.plot(*zip(*points, strict=True), label=run, linewidth=1)
        axes.set_title(title, fontsize=10)
        axes.legend(fontsize=8)
    return png(figure)
