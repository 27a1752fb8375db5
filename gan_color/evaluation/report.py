"""An evaluation's page: metrics, colors compared with the truth, and example images."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gan_color.atomic import write_text
from gan_color.color.lab import AB_SCALE
from gan_color.evaluation.evaluator import Result
from gan_color.evaluation.html_report import jpeg, png, render
from gan_color.evaluation.metrics import NEAR_GRAY
from gan_color.evaluation.per_image import DENSITY_STEP, TRUTH, column_of
from gan_color.evaluation.predictors import baseline
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.summary import INFINITE, Summary

SHOWN = 4  # worst images of a predictor, and as many median ones
SIDE = 256  # pixels of an image on the page
HUE_CELLS, CHROMA_STEP = 36, 5.0
ABSENT = "–"
ROWS = (
    ("psnr", "PSNR (dB)", 3),
    ("ssim", "SSIM", 4),
    ("lpips", "LPIPS", 4),
    ("delta_e2000", "ΔE2000, mean", 3),
    ("delta_e2000_median", "ΔE2000, median", 3),
    ("delta_e2000_p95", "ΔE2000, 95th percentile", 3),
    ("false_red", "false red (share of pixels)", 5),
    ("classified_alike", "share classified as the truth", 3),
    ("colorfulness", "colorfulness (absolute)", 3),
    ("colorfulness_share", "colorfulness over the truth's", 3),
    ("colorfulness_signed", "colorfulness (signed)", 3),
    ("delta_colorfulness", "ΔCF of the means", 3),
    ("delta_colorfulness_per_image", "ΔCF, mean over images", 3),
    ("near_gray", "share of near-gray pixels", 4),
    ("ab_histogram_distance", "ab histogram distance", 4),
    ("fid", "FID", 3),
    ("fid_clean", "FID, clean", 3),
    ("kid", "KID", 5),
    ("frechet", "Fréchet distance", 4),
    ("kernel", "kernel distance", 5),
    ("frechet_2", "Fréchet distance, second", 4),
    ("kernel_2", "kernel distance, second", 5),
)


def cell(figures: dict[str, Any], key: str, digits: int) -> str:
    """A metric with its interval; a sign where it is infinite or was not measured."""
    if figures.get(key) is None:
        reason: str = figures.get(f"{key}_reason", "not measured")
        return "∞" if reason.startswith(INFINITE) else ABSENT
    value = f"{figures[key]:.{digits}f}"
    if figures[f"{key}_ci"] is None:
        return value
    low, high = figures[f"{key}_ci"]
    return f"{value} [{low:.{digits}f}, {high:.{digits}f}]"


def describe_images(figures: dict[str, Any]) -> str:
    """How many images were measured, how many were not and why, and whether there are intervals."""
    n, gray, unreadable = figures["n"], len(figures["gray"]), len(figures["unreadable"])
    skipped = [f"{gray} gray skipped"] if gray else []
    skipped += [f"{unreadable} unreadable"] if unreadable else []
    skipped += ["gray ones kept"] if figures["keep_gray"] else []
    text = f"{n} image{'s' * (n != 1)}" + (f" ({', '.join(skipped)})" if skipped else "")
    interval = "95% intervals in brackets" if n > 1 else "no intervals of one image"
    return f"{text}, protocol {figures['protocol']}; {interval}"


def reasons(results: list[Result]) -> dict[str, list[str]]:
    """Why metrics are missing: {reason: metrics}."""
    found: dict[str, list[str]] = {}
    for result in results:
        for key, reason in result.figures.items():
            if key.endswith("_reason") and not reason.startswith(INFINITE):
                names = found.setdefault(reason, [])
                if key.removesuffix("_reason") not in names:
                    names.append(key.removesuffix("_reason"))
    return found


def metric_rows(results: list[Result]) -> list[list[str]]:
    """The table of metrics: a row for each that any predictor has, its title first."""
    rows = [
        [title, *(cell(result.figures, key, digits) for result in results)]
        for key, title, digits in ROWS
    ]
    return [row for row in rows if any(text != ABSENT for text in row[1:])]


def write_page(path: Path, results: list[Result], summary: Summary, protocol: EvalProtocol) -> None:
    """Write the page, whole or not at all."""
    first = results[0].figures
    names = [result.predictor.name for result in results]
    densities = {name: summary.density(name) for name in dict.fromkeys((TRUTH, *names))}
    page = render(
        "report.html",
        first=first,
        described=describe_images(first),
        colorfulness=cell(first, "colorfulness_truth", 3),
        names=names,
        rows=metric_rows(results),
        missing={", ".join(keys): reason for reason, keys in reasons(results).items()},
        extractors={k: v for result in results for k, v in result.figures["spaces"].items()},
        hints=_draw_hints(results),
        histograms=_draw_histograms(densities),
        densities=_draw_densities(densities),
        examples=[
            (result.predictor.name, title, images)
            for result in results
            if result.predictor.name != TRUTH
            for title, images in _examples(result, summary, protocol).items()
        ],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)


def _examples(
    result: Result, summary: Summary, protocol: EvalProtocol
) -> dict[str, list[tuple[str, bytes]]]:
    """Captions and images (gray, prediction, truth) with the largest and the median errors."""
    error = column_of(summary.per_image(result.predictor.name), "delta_e2000")
    order = np.argsort(error, kind="stable")
    middle = max(0, len(order) // 2 - SHOWN // 2)
    chosen = {"worst": order[::-1][:SHOWN], "median": order[middle : middle + SHOWN]}
    files = [Path(file) for file in summary.files]
    return {
        title: [
            (f"{files[i].name}: ΔE2000 {error[i]:.2f}", _image_row(files[i], result, protocol))
            for i in indices
        ]
        for title, indices in chosen.items()
    }


def _image_row(file: Path, result: Result, protocol: EvalProtocol) -> bytes:
    truth = protocol.read(file)[None].to(result.predictor.device)
    shown = (baseline("gray").predict(truth), result.predictor.predict(truth), truth)
    row = torch.cat(shown, dim=3)[0].permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(row)
    image.thumbnail((3 * SIDE, 2 * SIDE))
    return jpeg(image)


def _polar(
    densities: dict[str, NDArray[np.int64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hue (degrees) and chroma of the cells of a density, flattened."""
    side = next(iter(densities.values())).shape[0]
    axis = (np.arange(side) + 0.5) * DENSITY_STEP - AB_SCALE
    a, b = np.meshgrid(axis, axis, indexing="ij")
    return np.degrees(np.arctan2(b, a)).ravel() % 360, np.hypot(a, b).ravel()


def _draw_hints(results: list[Result]) -> bytes | None:
    """PSNR over the number of points of the truth, for the models that took any."""
    from matplotlib.figure import Figure

    curves = {r.predictor.name: r.figures["hints"] for r in results if "hints" in r.figures}
    if not curves:
        return None
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("symlog", linthresh=1)
    for name, curve in curves.items():
        points, psnr = ([row[key] for row in curve] for key in ("points", "psnr"))
        (line,) = axes.plot(points, psnr, marker="o", label=name)
        if curve[0]["psnr_ci"]:
            low, high = zip(*(row["psnr_ci"] for row in curve), strict=True)
            axes.fill_between(points, low, high, alpha=0.15, color=line.get_color())
    axes.set_xticks(points, [str(count) for count in points])
    axes.set_xlabel("points of the truth")
    axes.set_ylabel("PSNR (dB)")
    axes.legend(fontsize=8)
    return png(figure)


def _draw_histograms(densities: dict[str, NDArray[np.int64]]) -> bytes:
    from matplotlib.figure import Figure

    hue, chroma = _polar(densities)
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    first, second = figure.subplots(2, 1)
    for name, density in densities.items():
        pixels = density.ravel()
        style: dict[str, Any] = {"linewidth": 2.5, "color": "black"} if name == TRUTH else {}
        colorized = pixels * (chroma >= NEAR_GRAY)
        if colorized.sum():
            counts, edges = np.histogram(hue, HUE_CELLS, (0, 360), weights=colorized)
            first.stairs(counts / pixels.sum(), edges, label=name, **style)
        edges = np.arange(0, AB_SCALE + CHROMA_STEP, CHROMA_STEP)
        counts, edges = np.histogram(chroma, edges, weights=pixels)
        second.stairs(counts / pixels.sum(), edges, label=name, **style)
    first.set_title("hue of the colorized pixels (degrees: 0 red, 90 yellow, 180 green, 270 blue)")
    second.set_title("chroma: share of pixels, log scale")
    second.set_yscale("log")
    for axes in (first, second):
        axes.legend(fontsize=8)
    return png(figure)


def _draw_densities(densities: dict[str, NDArray[np.int64]]) -> bytes:
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(densities), 3.4), layout="constrained")
    largest = max(int(density.max()) for density in densities.values())
    for i, (name, density) in enumerate(densities.items()):
        axes = figure.add_subplot(1, len(densities), i + 1)
        axes.imshow(
            np.ma.masked_equal(density.T, 0),  # a* to the right, b* upwards
            origin="lower",
            extent=(-AB_SCALE, AB_SCALE, -AB_SCALE, AB_SCALE),
            norm=LogNorm(1, max(largest, 2)),
        )
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("a*")
        axes.set_ylabel("b*")
    return png(figure)
