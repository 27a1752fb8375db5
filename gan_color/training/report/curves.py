"""Pictures of a run: curves of its log, of its snapshots, of learning rates. All are PNGs."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from gan_color.evaluation.html_report import png
from gan_color.training.dry_run.rates import StageRates
from gan_color.training.report.numbers import Row, by_stage, losses_on, series

COLUMNS = 2  # of panels
PANEL_HEIGHT = 2.4  # inches
OF_DISCRIMINATORS = ("discriminator", "accuracy_", "r1", "feature_gate", "apa_")
SPARSE = 20  # points of a line that are marked, since there are fewer


def _panels(rows: Sequence[Row]) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """The lines of each panel by name: a panel for each loss that is on, then the others'."""
    names = dict.fromkeys(name for row in rows for name in row if name)
    wanted = {
        **{name: [name] for name in losses_on(rows)},
        "discriminators": [n for n in names if n.startswith(OF_DISCRIMINATORS)],
        "PSNR (dB), validation": ["psnr"],
        "colorfulness, validation": ["colorfulness", "colorfulness_truth"],
        "learning rate": [n for n in names if n == "lr" or n.startswith("lr_")],
    }
    found = {title: {n: _broken(rows, n) for n in lines} for title, lines in wanted.items()}
    logged = {title: {n: s for n, s in lines.items() if s[0]} for title, lines in found.items()}
    return {title: lines for title, lines in logged.items() if lines}


def _broken(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    """A column's line, with a gap between stages: what is not logged in one is not drawn there."""
    x: list[float] = []
    y: list[float] = []
    for part in by_stage(rows).values():
        images, values = series(part, name)
        if x and images:
            x.append(images[0])
            y.append(math.nan)
        x += images
        y += values
    return x, y


def draw_curves(rows: Sequence[Row]) -> bytes:
    """The curves of log.csv as one PNG, stage boundaries dashed; nothing where there are none."""
    from matplotlib.figure import Figure

    panels = _panels(rows)
    if not panels:
        return b""
    lines_of_panels = math.ceil(len(panels) / COLUMNS)
    height = PANEL_HEIGHT * lines_of_panels
    figure = Figure(figsize=(12, height))
    grid = figure.subplots(lines_of_panels, COLUMNS, sharex=True, squeeze=False)
    # Margins in inches, as shares; a constrained layout would draw everything twice.
    figure.subplots_adjust(
        left=0.06, right=0.97, bottom=0.45 / height, top=1 - 0.3 / height, wspace=0.12, hspace=0.25
    )
    boundaries = [
        float(a["total_images"]) for a, b in itertools.pairwise(rows) if a["stage"] != b["stage"]
    ]
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for i, (axes, (title, lines)) in enumerate(zip(grid.flat, panels.items(), strict=False)):
        for name, line in lines.items():
            marker = "." if len(line[0]) < SPARSE else ""
            axes.plot(*line, label=name, linewidth=1, marker=marker)
        for boundary in boundaries:
            axes.axvline(boundary, color="gray", linestyle="--", linewidth=0.6)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(0, float(rows[-1]["total_images"]))
        if len(lines) > 1:
            axes.legend(fontsize=8)
        if i >= len(panels) - COLUMNS:
            axes.set_xlabel("images")
            axes.tick_params(labelbottom=True)
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


def draw_rates(stages: Sequence[StageRates]) -> bytes:
    """The learning rates of a run over its images, stage boundaries dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    names = list(dict.fromkeys(name for stage in stages for name in stage.rates))
    # In a stage of discriminators theirs is the one rate: dashes let it be seen under them.
    styles: dict[str, dict[str, Any]] = {
        name: {"color": f"C{i}", "linestyle": "--" if "discriminator" in name else "-"}
        for i, name in enumerate(names)
    }
    start = 0
    for stage in stages:
        x = [start + share * stage.images for share in stage.done]
        for name, rates in stage.rates.items():
            # Where all rates are 0 they are one, and have one name.
            axes.plot(x[: len(rates)], rates, **styles[name])
        above = axes.get_xaxis_transform()
        axes.text(start, 1.01, stage.stage, transform=above, fontsize=8, rotation=30)
        start += stage.images
        axes.axvline(start, color="gray", linestyle="--", linewidth=0.6)
    for name, style in styles.items():
        axes.plot([], [], label=name, **style)
    axes.set_yscale("log")
    least = min(max(rates) for stage in stages for rates in stage.rates.values())
    axes.set_ylim(bottom=least / 100)  # one cycle ends at next to nothing
    axes.set_xlim(0, start)
    axes.set_xlabel("images")
    axes.set_ylabel("learning rate")
    axes.legend(fontsize=8)
    return png(figure)
