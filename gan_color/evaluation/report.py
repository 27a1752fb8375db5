"""The page of an evaluation: figures, colours against the truth, and pictures to look at."""

import html
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gan_color.atomic import write_text
from gan_color.color.lab import AB_SCALE
from gan_color.evaluation import html_report
from gan_color.evaluation.evaluator import Result
from gan_color.evaluation.metrics import NEAR_GREY
from gan_color.evaluation.per_image import DENSITY_STEP, TRUTH, row_of
from gan_color.evaluation.predictors import reference
from gan_color.evaluation.protocols import Protocol
from gan_color.evaluation.summary import INFINITE, Summary

SHOWN = 4  # worst, and median, pictures of an answer
SIDE = 256  # pixels a picture is shown at
HUE_CELLS, CHROMA_STEP = 36, 5.0
ABSENT = "–"
ROWS = (
    ("psnr", "PSNR (dB)", 3),
    ("ssim", "SSIM", 4),
    ("lpips", "LPIPS", 4),
    ("delta_e2000", "ΔE2000, mean", 3),
    ("delta_e2000_median", "ΔE2000, median", 3),
    ("delta_e2000_p95", "ΔE2000, 95th percentile", 3),
    ("colorfulness", "colourfulness (absolute)", 3),
    ("colorfulness_signed", "colourfulness (signed)", 3),
    ("delta_colorfulness", "ΔCF of the means", 3),
    ("delta_colorfulness_per_picture", "ΔCF, mean over pictures", 3),
    ("near_grey", "share of near-grey pixels", 4),
    ("ab_histogram_distance", "ab histogram distance", 4),
    ("fid", "FID", 3),
    ("fid_clean", "FID, clean", 3),
    ("kid", "KID", 5),
    ("frechet", "Fréchet distance", 4),
    ("kernel", "kernel distance", 5),
)


def cell(figures: dict[str, Any], key: str, digits: int) -> str:
    """A figure with its interval, or why there is none."""
    if figures.get(key) is None:
        reason: str = figures.get(f"{key}_reason", "not measured")
        return "∞" if reason.startswith(INFINITE) else ABSENT
    low, high = figures[f"{key}_ci"]
    return f"{figures[key]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def reasons(results: list[Result]) -> dict[str, list[str]]:
    """Why figures are missing: {reason: figures}."""
    found: dict[str, list[str]] = {}
    for result in results:
        for key, reason in result.figures.items():
            if key.endswith("_reason") and not reason.startswith(INFINITE):
                names = found.setdefault(reason, [])
                if key.removesuffix("_reason") not in names:
                    names.append(key.removesuffix("_reason"))
    return found


def figure_rows(results: list[Result]) -> list[list[str]]:
    """The table of figures that any answer has: a row a figure, its title first."""
    rows = [
        [title, *(cell(result.figures, key, digits) for result in results)]
        for key, title, digits in ROWS
    ]
    return [row for row in rows if any(text != ABSENT for text in row[1:])]


def write_page(path: Path, results: list[Result], summary: Summary, protocol: Protocol) -> None:
    """Write the page, whole or not at all."""
    first = results[0].figures
    parts = [
        "<h1>Evaluation</h1>",
        f"<p>{first['n']} pictures of {html.escape(first['data'])}, protocol "
        f"<b>{protocol.name}</b> ({html.escape(first['resize'])}). The truth's colourfulness is "
        f"{cell(first, 'colorfulness_truth', 3)}. Brackets are 95 % intervals over pictures.</p>",
    ]
    if "warning" in first:
        parts.append(f"<p><b>{html.escape(first['warning'])}</b></p>")
    names = [result.answer.name for result in results]
    parts.append(html_report.grid(["", *names], figure_rows(results)))
    missing = {", ".join(keys): reason for reason, keys in reasons(results).items()}
    if missing:
        parts += ["<h2>Not measured</h2>", html_report.table(missing)]
    spaces = {key: space for result in results for key, space in result.figures["spaces"].items()}
    if spaces:
        parts += ["<h2>Feature spaces</h2>", html_report.table(spaces)]
    densities = {name: summary.density(name) for name in dict.fromkeys((TRUTH, *names))}
    parts.append("<h2>Colours of the whole set</h2>")
    parts.append(html_report.picture(_draw_histograms(densities), "png", "hue and chroma"))
    parts.append(
        html_report.picture(_draw_densities(densities), "png", "pixels on the ab plane, log scale")
    )
    for result in results:
        if result.answer.name != TRUTH:
            parts += _cases(result, summary, protocol)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html_report.page("Evaluation", parts))


def _cases(result: Result, summary: Summary, protocol: Protocol) -> list[str]:
    """Rows of grey | answer | truth: the largest colour differences, and the middle ones."""
    error = row_of(summary.per_picture(result.answer.name), "delta_e2000")
    order = np.argsort(error, kind="stable")
    middle = max(0, len(order) // 2 - SHOWN // 2)
    parts = []
    for title, chosen in (
        ("worst", order[::-1][:SHOWN]),
        ("median", order[middle : middle + SHOWN]),
    ):
        name = html.escape(result.answer.name)
        parts.append(f"<h2>{name}: {title} pictures by ΔE2000 (grey, answer, truth)</h2>")
        for index in chosen:
            file = Path(summary.files[index])
            caption = f"{file.name}: ΔE2000 {error[index]:.2f}"
            parts.append(
                html_report.picture(_row_of_pictures(file, result, protocol), "jpeg", caption)
            )
    return parts


def _row_of_pictures(file: Path, result: Result, protocol: Protocol) -> bytes:
    truth = protocol.read(file)[None].to(result.answer.device)
    shown = (reference("grey").colour(truth), result.answer.colour(truth), truth)
    row = torch.cat(shown, dim=3)[0].permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(row)
    image.thumbnail((3 * SIDE, 2 * SIDE))
    return html_report.jpeg(image)


def _polar(
    densities: dict[str, NDArray[np.int64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hue (degrees) and chroma of the cells of a density, flattened."""
    side = next(iter(densities.values())).shape[0]
    axis = (np.arange(side) + 0.5) * DENSITY_STEP - AB_SCALE
    a, b = np.meshgrid(axis, axis, indexing="ij")
    return np.degrees(np.arctan2(b, a)).ravel() % 360, np.hypot(a, b).ravel()


def _draw_histograms(densities: dict[str, NDArray[np.int64]]) -> bytes:
    from matplotlib.figure import Figure

    hue, chroma = _polar(densities)
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    first, second = figure.subplots(2, 1)
    for name, density in densities.items():
        pixels = density.ravel()
        style: dict[str, Any] = {"linewidth": 2.5, "color": "black"} if name == TRUTH else {}
        coloured = pixels * (chroma >= NEAR_GREY)
        if coloured.sum():
            counts, edges = np.histogram(hue, HUE_CELLS, (0, 360), weights=coloured)
            first.stairs(counts / pixels.sum(), edges, label=name, **style)
        edges = np.arange(0, AB_SCALE + CHROMA_STEP, CHROMA_STEP)
        counts, edges = np.histogram(chroma, edges, weights=pixels)
        second.stairs(counts / pixels.sum(), edges, label=name, **style)
    first.set_title("hue of the coloured pixels (degrees: 0 red, 90 yellow, 180 green, 270 blue)")
    second.set_title("chroma: share of pixels, log scale")
    second.set_yscale("log")
    for axes in (first, second):
        axes.legend(fontsize=8)
    return html_report.png(figure)


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
    return html_report.png(figure)
