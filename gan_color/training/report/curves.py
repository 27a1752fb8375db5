"""Pictures of a run: curves of its log, of its snapshots, of learning rates. All are PNGs."""

import itertools
from collections.abc import Sequence
from typing import Any

from gan_color.evaluation.html_report import png
from gan_color.training.dry_run.rates import StageRates

ACCURACIES = ("accuracy_0", "accuracy_1", "accuracy_2", "accuracy_features")
CURVES = (
    ("loss", ("pixel", "perceptual", "colorfulness_loss", "adversarial", "feature_matching")),
    ("PSNR loss", ("psnr_loss",)),
    ("color difference", ("color_difference_loss",)),
    ("discriminators", ("discriminator", "r1", *ACCURACIES, "feature_gate")),
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
