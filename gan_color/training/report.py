"""report.html: what a run did, on one page that needs no other file."""

import html
import itertools
import json
from pathlib import Path
from typing import Any

from gan_color.atomic import write_text
from gan_color.evaluation import html_report
from gan_color.training.loggers.csv_log import CsvLog

CURVES = (
    ("loss", ("pixel", "perceptual", "colorfulness_loss", "adversarial", "feature_matching")),
    ("PSNR loss", ("psnr_loss",)),
    ("colour difference", ("color_difference_loss",)),
    ("discriminators", ("discriminator", "accuracy_0", "accuracy_1", "accuracy_2")),
    ("PSNR (dB), validation", ("psnr",)),
    ("colourfulness, validation", ("colorfulness", "colorfulness_truth")),
    ("learning rate", ("lr",)),
)


def _series(rows: list[dict[str, str]], name: str) -> tuple[list[float], list[float]]:
    points = [(float(r["total_images"]), float(r[name])) for r in rows if r.get(name)]
    return [x for x, _ in points], [y for _, y in points]


def draw_curves(rows: list[dict[str, str]]) -> bytes:
    """The curves of log.csv as one PNG; stage boundaries are dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.3 * len(CURVES)), layout="constrained")
    boundaries = [
        float(b["total_images"]) for a, b in itertools.pairwise(rows) if a["stage"] != b["stage"]
    ]
    for i, (title, names) in enumerate(CURVES):
        axes = figure.add_subplot(len(CURVES), 1, i + 1)
        for name in names:
            x, y = _series(rows, name)
            if x:
                axes.plot(x, y, label=name, linewidth=1)
        for boundary in boundaries:
            axes.axvline(boundary, color="grey", linestyle="--", linewidth=0.6)
        axes.set_title(title, fontsize=10)
        if axes.has_data() and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    axes.set_xlabel("images")
    return html_report.png(figure)


def _inflection(content: dict[str, Any]) -> list[str]:
    """The inflection curve, and the judgement the run went back to."""
    chosen = content["chosen"]
    shown = ("stage", "images", "score", "frechet", "colorfulness_ratio", "skin_hue", "skin_chroma")
    return [
        "<h2>Inflection point</h2>",
        html_report.picture(
            draw_inflection(content), "png", "inflection point: the chosen one in red"
        ),
        html_report.table({name: chosen[name] for name in shown}),
    ]


def draw_inflection(content: dict[str, Any]) -> bytes:
    """Score, Frechet distance, colourfulness, skin, and accuracies over images, as a PNG."""
    from matplotlib.figure import Figure

    judgements, chosen = content["judgements"], content["chosen"]
    rule = content["rule"]
    panels: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...] = (
        ("score", ("score",), ()),
        ("Frechet distance to the truth", ("frechet",), ()),
        ("colourfulness, of the truth's", ("colorfulness_ratio",), (1.0,)),
        (
            "skin: degrees towards orange, chroma above the truth's (limits dotted)",
            ("skin_hue", "skin_chroma"),
            (rule["skin_hue"], rule["skin_chroma"]),
        ),
        (
            "discriminators' accuracy on fresh fakes",
            tuple(name for name in judgements[0] if name.startswith("fresh_accuracy")),
            (0.5,),
        ),
    )
    figure = Figure(figsize=(9, 2.2 * len(panels)), layout="constrained")
    x = [judgement["total_images"] for judgement in judgements]
    for i, (title, names, limits) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, i + 1)
        for name in names:
            axes.plot(x, [judgement[name] for judgement in judgements], marker=".", label=name)
        for limit in limits:
            axes.axhline(limit, color="grey", linestyle=":", linewidth=0.8)
        axes.axvline(chosen["total_images"], color="tab:red")
        axes.set_title(title, fontsize=10)
        if len(names) > 1:
            axes.legend(fontsize=8)
    axes.set_xlabel("images")
    return html_report.png(figure)


def write_report(folder: Path, pictures: dict[str, Path] | None = None) -> Path:
    """Write a run's report.html from its files; `pictures` {caption: JPEG or PNG} come first."""
    rows = CsvLog(folder / "log.csv").rows()
    parts = [f"<h1>{html.escape(folder.name)}</h1>"]
    for caption, path in (pictures or {}).items():
        kind = "png" if path.suffix.lower() == ".png" else "jpeg"
        parts.append(html_report.picture(path.read_bytes(), kind, caption))
    judged = [row for row in rows if row.get("psnr")]
    if judged:
        names = ("stage", "total_images", "psnr", "colorfulness", "colorfulness_truth")
        parts += ["<h2>Last judgement</h2>", html_report.table({n: judged[-1][n] for n in names})]
    previews = sorted((folder / "previews").glob("*.jpg"))
    if previews:
        caption = f"grey | EMA | raw | truth: {previews[-1].stem}"
        parts += [
            "<h2>Preview</h2>",
            html_report.picture(previews[-1].read_bytes(), "jpeg", caption),
        ]
    if rows:
        parts += ["<h2>Curves</h2>", html_report.picture(draw_curves(rows), "png", "log.csv")]
    watched = folder / "inflection.json"
    if watched.is_file():
        parts += _inflection(json.loads(watched.read_text(encoding="utf-8")))
    data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    shown = {k: v for k, v in data.items() if k not in ("bad", "sources", "classes")}
    parts += ["<h2>Data</h2>", html_report.table({**shown, "unreadable": len(data["bad"])})]
    config = html.escape((folder / "config.yml").read_text(encoding="utf-8"))
    parts += ["<h2>Configuration</h2>", f"<pre>{config}</pre>"]
    path = folder / "report.html"
    write_text(path, html_report.page(folder.name, parts))
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
    return html_report.png(figure)
