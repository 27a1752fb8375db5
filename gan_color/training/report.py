"""report.html: a run on one page that needs no other file."""

import itertools
import json
from pathlib import Path
from typing import Any

from gan_color.atomic import write_text
from gan_color.evaluation.html_report import png, render
from gan_color.training.best_snapshot import read_evaluations
from gan_color.training.loggers.csv_log import CsvLog

BEST = ("stage", "images", "score", "frechet", "colorfulness_ratio", "skin_hue", "skin_chroma")
VALIDATION = ("stage", "total_images", "psnr", "colorfulness", "colorfulness_truth")
ACCURACIES = ("accuracy_0", "accuracy_1", "accuracy_2", "accuracy_features")
CURVES = (
    ("loss", ("pixel", "perceptual", "colorfulness_loss", "adversarial", "feature_matching")),
    ("PSNR loss", ("psnr_loss",)),
    ("color difference", ("color_difference_loss",)),
    ("discriminators", ("discriminator", "r1", *ACCURACIES, "feature_gate", "apa_probability")),
    ("PSNR (dB), validation", ("psnr",)),
    ("colorfulness, validation", ("colorfulness", "colorfulness_truth")),
    ("learning rate", ("lr", "lr_encoder", "lr_encoder_2", "lr_discriminator")),
)


def _series(rows: list[dict[str, str]], name: str) -> tuple[list[float], list[float]]:
    points = [(float(r["total_images"]), float(r[name])) for r in rows if r.get(name)]
    return [x for x, _ in points], [y for _, y in points]


def draw_curves(rows: list[dict[str, str]]) -> bytes:
    """The curves of log.csv as one PNG, stage boundaries dashed; nothing where there are none."""
    from matplotlib.figure import Figure

    curves = {title: {n: s for n in names if (s := _series(rows, n))[0]} for title, names in CURVES}
    panels = {title: lines for title, lines in curves.items() if lines}
    if not panels:
        return b""
    figure = Figure(figsize=(9, 2.3 * len(panels)), layout="constrained")
    boundaries = [
        float(b["total_images"]) for a, b in itertools.pairwise(rows) if a["stage"] != b["stage"]
    ]
    for i, (title, lines) in enumerate(panels.items()):
        axes = figure.add_subplot(len(panels), 1, i + 1)
        for name, line in lines.items():
            axes.plot(*line, label=name, linewidth=1)
        for boundary in boundaries:
            axes.axvline(boundary, color="gray", linestyle="--", linewidth=0.6)
        axes.set_title(title, fontsize=10)
        axes.legend(fontsize=8)
    axes.set_xlabel("images")
    return png(figure)


def draw_early_stopping(content: dict[str, Any]) -> bytes:
    """Score, Frechet distance, colorfulness, skin, and accuracies over images, as a PNG."""
    from matplotlib.figure import Figure

    snapshots, best = content["evaluations"], content["best"]
    rule = content["rule"]
    panels: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...] = (
        ("score", ("score",), ()),
        ("Frechet distance to the truth", ("frechet",), ()),
        ("colorfulness, of the truth's", ("colorfulness_ratio",), (1.0,)),
        (
            "skin: degrees toward orange, chroma above the truth's (limits dotted)",
            ("skin_hue", "skin_chroma"),
            (rule["max_skin_hue"], rule["max_skin_chroma"]),
        ),
        (
            "discriminators' accuracy on fresh fakes",
            tuple(name for name in snapshots[0] if name.startswith("fresh_accuracy")),
            (0.5,),
        ),
    )
    figure = Figure(figsize=(9, 2.2 * len(panels)), layout="constrained")
    x = [snapshot["total_images"] for snapshot in snapshots]
    for i, (title, names, limits) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, i + 1)
        for name in names:
            axes.plot(x, [snapshot[name] for snapshot in snapshots], marker=".", label=name)
        for limit in limits:
            axes.axhline(limit, color="gray", linestyle=":", linewidth=0.8)
        axes.axvline(best["total_images"], color="tab:red")
        axes.set_title(title, fontsize=10)
        if len(names) > 1:
            axes.legend(fontsize=8)
    axes.set_xlabel("images")
    return png(figure)


def write_report(folder: Path, images: dict[str, Path] | None = None) -> Path:
    """Write a run's report.html from its files; `images` {caption: JPEG or PNG} come first."""
    rows = CsvLog(folder / "log.csv").rows()
    validated = [row for row in rows if row.get("psnr")]
    previews = sorted((folder / "previews").glob("*.jpg"))
    evaluations = read_evaluations(folder)
    data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    data["unreadable"] = len(data.pop("bad"))
    page = render(
        "run_report.html",
        name=folder.name,
        images={caption: path.read_bytes() for caption, path in (images or {}).items()},
        validation={name: validated[-1][name] for name in VALIDATION} if validated else None,
        preview=previews[-1] if previews else None,
        curves=draw_curves(rows),
        snapshots=draw_early_stopping(evaluations) if evaluations else None,
        best={name: evaluations["best"][name] for name in BEST} if evaluations else None,
        data={key: value for key, value in data.items() if key not in ("sources", "classes")},
        config=(folder / "config.yml").read_text(encoding="utf-8"),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def draw_lr_find(rates: list[float], losses: list[float], suggestion: float) -> bytes:
    """Loss over learning rate as a PNG, the suggestion marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses)
    axes.axvline(suggestion, color="tab:red", linestyle="--", label=f"suggested {suggestion:.1e}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("smoothed loss")
    axes.legend()
    return png(figure)
