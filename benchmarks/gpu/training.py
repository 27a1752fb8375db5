"""Trainings by the command itself: a short one whose losses must fall, and a real one."""

import contextlib
import json
import multiprocessing
import os
import shutil
import statistics
from functools import partial
from pathlib import Path

import yaml

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row
from gan_color.atomic import write_text
from gan_color.cli import main
from gan_color.training import checkpoint
from gan_color.training.loggers.csv_log import CsvLog

# Of each kind of stage: what must fall while only that stage learns.
FALLS = {"supervised": "total", "discriminator": "discriminator"}
SHORT_SECONDS = 60.0
STOP = 10.0  # seconds kept for killing a training and reading its log


def short(settings: Settings) -> dict[str, Measurement]:
    """A minute on the photographs that packages carry, through all three kinds of stages."""
    return {"samples": partial(_learn, settings)}


def real(settings: Settings) -> dict[str, Measurement]:
    """The recipe, as far as the time goes; again where it is not finished."""
    return {settings.recipe.stem: partial(_train, settings)}


def _learn(settings: Settings, seconds: float) -> list[Row]:
    size, batch = settings.short
    count = settings.learning_images
    common = {"size": size, "batch_size": 4 * batch}
    entry = settings.entry(settings.presets[0], size, batch, "auto")
    recipe = {
        "run": {"epoch_images": max(batch, count // 6), "log_every": 1, "val_images": 8},
        "model": entry.config.model,
        "discriminator": entry.config.discriminator.model_dump(mode="json"),
        "data": {"samples": True, "num_workers": min(8, os.cpu_count() or 1)},
        "stages": [
            {"name": "pretrain", "kind": "supervised", "images": count, "lr": 1e-3, **common},
            {
                "name": "discriminator",
                "kind": "discriminator",
                "images": count // 2,
                "lr": 2e-4,
                **common,
            },
            {"name": "gan", "kind": "adversarial", "images": count // 4, "lr": 1e-4, **common},
        ],
    }
    path = settings.folder / "learning.yml"
    write_text(path, yaml.safe_dump(recipe))
    shutil.rmtree(settings.folder / "runs" / "learning", ignore_errors=True)
    finished, rows = train_for(settings, "learning", path, (), min(seconds - STOP, SHORT_SECONDS))
    kinds = {stage["name"]: stage["kind"] for stage in recipe["stages"]}  # type: ignore[index]
    for row in rows:
        name = FALLS.get(kinds[row["stage"]])
        if name and not row[f"{name}_last"] < row[f"{name}_first"]:
            raise ValueError(f"{row['stage']}: {name} does not fall: {row}")
    # A minute is what it has: a slow device ends somewhere on the way.
    return [{**row, "all_stages": finished} for row in rows]


def _train(settings: Settings, seconds: float) -> list[Row]:
    overrides: tuple[str, ...] = ()
    if settings.data is not None:
        overrides = (f"data.folders={json.dumps([str(settings.data)])}", "data.samples=false")
    overrides += settings.overrides
    finished, rows = train_for(settings, "train", settings.recipe, overrides, seconds - STOP)
    return [{**row, "finished": finished} for row in rows]


def train_for(
    settings: Settings, name: str, recipe: Path, overrides: tuple[str, ...], seconds: float
) -> tuple[bool, list[Row]]:
    """`gan-color train` in runs/`name` for so many seconds, or on from its last checkpoint.

    (whether it is finished, a row a stage); raises RuntimeError with its last line where it fails.
    """
    folder = settings.folder / "runs" / name
    if (folder / "model.safetensors").exists():
        return True, stages_of(folder)
    log = settings.folder / f"{name}.txt"
    # Forked, so that nothing is imported again; this process has not touched the GPU.
    context = multiprocessing.get_context("fork")
    arguments = command(settings, folder, recipe, overrides)
    process = context.Process(target=_run, args=(arguments, settings.folder, log))
    process.start()
    process.join(max(1.0, seconds))
    if process.is_alive():
        process.kill()  # any moment is one to go on from
        process.join()
        return False, stages_of(folder)
    if process.exitcode:
        lines = log.read_text(errors="replace").splitlines()
        last = lines[-1] if lines else "no output"
        raise RuntimeError(f"gan-color train: exit code {process.exitcode}: {last}")
    return True, stages_of(folder)


def command(
    settings: Settings, folder: Path, recipe: Path, overrides: tuple[str, ...]
) -> list[str]:
    """Arguments of gan-color that start a run in that folder, or go on with the one there."""
    if checkpoint.find(folder / "checkpoints"):
        return ["train", "--resume", str(folder)]
    place = (f"run.dir={json.dumps(str(folder.parent))}", f"run.name={folder.name}")
    arguments = ["train", "--config", str(recipe)]
    for override in (*overrides, *place, f"run.device={settings.device}"):
        arguments += ["--set", override]
    return arguments


def _run(arguments: list[str], folder: Path, log: Path) -> None:
    os.chdir(folder)  # samples are made below
    with log.open("a") as file:
        for descriptor in (1, 2):  # of libraries; below, Python's own
            os.dup2(file.fileno(), descriptor)
        with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            main(arguments)


def stages_of(folder: Path) -> list[Row]:
    """A row a stage of a run's log: images, speed, and losses of its first and last quarter."""
    lines: dict[str, list[dict[str, str]]] = {}
    for line in CsvLog(folder / "log.csv").rows():
        lines.setdefault(line["stage"], []).append(line)
    return [_summary(folder.name, stage, found) for stage, found in lines.items()]


def _summary(run: str, stage: str, lines: list[dict[str, str]]) -> Row:
    row: Row = {"training": run, "stage": stage, "images": int(lines[-1]["images"])}
    for name in ("total", "pixel", "adversarial", "discriminator"):
        values = _column(lines, name)
        part = max(1, len(values) // 4)
        if values:
            row[f"{name}_first"] = round(statistics.fmean(values[:part]), 4)
            row[f"{name}_last"] = round(statistics.fmean(values[-part:]), 4)
    for name in ("psnr", "images_per_second"):
        values = _column(lines, name)
        row[name] = round(values[-1], 2) if values else None
    return row


def _column(lines: list[dict[str, str]], name: str) -> list[float]:
    return [float(line[name]) for line in lines if line.get(name)]
