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
from gan_color.training.report.numbers import Row, losses_on, series, three_digits

# Columns of log.csv that are drawn, with their titles; losses that are on come after them.
CURVES = {
    "psnr": "PSNR (dB), validation",
    "colorfulness": "colorfulness, validation",
    "snapshot_score": "early stopping score",
    "snapshot_frechet": "Fréchet distance of snapshots",
    "lr": "learning rate",
    "discriminator": "discriminator loss",
}
WIDEST = 4.0  # points, of the first run's line
DASHES = ("-", (0, (6, 3)), (0, (2, 2)), "-.")
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
        + [three_digits(s.best[key]) if key in s.best else "–" for key in BEST]
        for name, s in zip(names, summaries, strict=True)
    ]
    text = render(
        "compare_runs.html",
        header=["run", "state", "stage", "images", *BEST],
        rows=rows,
        curves=_draw(logs),
        identical=identical_curves(logs),
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


def _titles(logs: dict[str, list[Row]]) -> dict[str, str]:
    """The columns that any of the runs has, with their titles."""
    losses = {name: name for rows in logs.values() for name in losses_on(rows)}
    logged = {n for rows in logs.values() for row in rows for n, value in row.items() if value}
    return {name: title for name, title in (CURVES | losses).items() if name in logged}


def identical_curves(logs: dict[str, list[Row]]) -> list[str]:
    """A sentence for each group of runs that have a curve, or all of them, in common."""
    titles = _titles(logs)
    groups: dict[tuple[str, ...], list[str]] = {}  # titles of curves, by the runs that share them
    for name, title in titles.items():
        runs_of: dict[str, list[str]] = {}
        for run, rows in logs.items():
            if points := series(rows, name)[0]:
                runs_of.setdefault(repr((points, series(rows, name)[1])), []).append(run)
        for runs in runs_of.values():
            if len(runs) > 1:
                groups.setdefault(tuple(runs), []).append(title)
    sentences = []
    for members, shared in groups.items():
        has = [t for n, t in titles.items() if any(series(logs[run], n)[0] for run in members)]
        curves = "every curve" if len(shared) == len(has) else ", ".join(shared)
        sentences.append(f"{', '.join(members[:-1])} and {members[-1]} are identical in {curves}.")
    return sentences


def _draw(logs: dict[str, list[Row]]) -> bytes:
    from matplotlib.figure import Figure

    titles = _titles(logs)
    if not titles:
        return b""
    figure = Figure(figsize=(9, 2.4 * len(titles)), layout="constrained")
    for i, (name, title) in enumerate(titles.items()):
        axes = figure.add_subplot(len(titles), 1, i + 1)
        for j, (run, rows) in enumerate(logs.items()):
            # Of equal lines the one below is wider, and the ones above leave gaps.
            width = WIDEST - (WIDEST - 1.2) * j / max(len(logs) - 1, 1)
            style = DASHES[j % len(DASHES)] if j else "-"
            if (line := series(rows, name))[0]:
                axes.plot(*line, label=run, linewidth=width, linestyle=style)
        axes.set_title(title, fontsize=10)
        axes.legend(fontsize=8)
    axes.set_xlabel("images")
    return png(figure)
