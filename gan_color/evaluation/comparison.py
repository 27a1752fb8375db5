"""Several models on the same images: one table, one grid of images, seconds per image.

`compare` evaluates the models (gan_color.evaluation.evaluator), colorizes a few images with each,
and returns a Comparison, which writes its page or draws its sheet.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from gan_color.atomic import write_text
from gan_color.evaluation.evaluator import Result, evaluate
from gan_color.evaluation.html_report import render
from gan_color.evaluation.per_image import TRUTH, MetricNetworks
from gan_color.evaluation.predictors import Predictor, baseline, load_predictors
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.report import describe_images, metric_rows
from gan_color.evaluation.turing import write_turing
from gan_color.hub.pretrained import find_model
from gan_color.images.files import spread
from gan_color.images.open import BadImageError

GRAY = "gray"
SECONDS = "seconds an image"


@dataclass(frozen=True)
class Shown:
    """An image with every prediction for it, by name, gray first and the truth last."""

    file: Path
    images: dict[str, Image.Image]


@dataclass(frozen=True)
class Comparison:
    """Metrics of every predictor, and the images that are shown."""

    results: list[Result]
    shown: list[Shown]
    seconds: dict[str, float]  # per image, median over the shown ones, batch 1

    @property
    def names(self) -> list[str]:
        """The models, in the order they were given."""
        return list(self.seconds)

    def rows(self) -> list[list[str]]:
        """The table: one row per metric, its name first, then gray and the models."""
        times = [
            f"{self.seconds[r.predictor.name]:.3f}" if r.predictor.name in self.seconds else "–"
            for r in self.results
        ]
        return [*metric_rows(self.results), [SECONDS, *times]]

    def table(self) -> str:
        """The table as text."""
        header = ["", *(result.predictor.name for result in self.results)]
        lines = [header, *self.rows()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def sheet(self, side: int = 160) -> Image.Image:
        """All shown images as one: a row each, gray | every model | truth."""
        columns = len(self.shown[0].images)
        sheet = Image.new("RGB", (columns * side, len(self.shown) * side), "white")
        for row, shown in enumerate(self.shown):
            for column, image in enumerate(shown.images.values()):
                small = image.copy()
                small.thumbnail((side, side), Image.Resampling.LANCZOS)
                sheet.paste(small, (column * side, row * side))
        return sheet

    def write_page(self, path: Path) -> None:
        """The table and the grid as one page that needs no other file."""
        page = render(
            "comparison.html",
            first=self.results[0].figures,
            described=describe_images(self.results[0].figures),
            threads=torch.get_num_threads(),
            names=[result.predictor.name for result in self.results],
            rows=self.rows(),
            shown=self.shown,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page)


def model_files(names: list[str]) -> list[Path]:
    """The model files that names stand for: files, shipped models, or folders of runs."""
    return [find_model(name) for name in names]


def compare(
    models: list[Path],
    data: Path,
    protocol: EvalProtocol | None = None,
    networks: MetricNetworks | None = None,
    device: torch.device | None = None,
    shown: int = 12,
    turing: Path | None = None,
) -> Comparison:
    """Evaluate model files on a folder of color images, beside the gray baseline.

    Raises GanColorError.

    Args:
        models: model files.
        data: the folder of images.
        protocol: how images are read; the default one if None.
        networks: networks for metrics that need one; none if None.
        device: CPU if None.
        shown: how many images, spread over the folder, are colorized for the grid and timed.
        turing: where to write a blind test of the shown images.
    """
    protocol, device = protocol or EvalProtocol(), device or torch.device("cpu")
    predictors = load_predictors(models, protocol, device)
    with tempfile.TemporaryDirectory() as work:
        results, summary = evaluate(
            [baseline(GRAY), *predictors],
            data,
            protocol,
            networks or MetricNetworks(),
            device,
            Path(work),
        )
        assert summary is not None  # there is one process only
        summary.discard()
    times: dict[str, list[float]] = {predictor.name: [] for predictor in predictors}
    found = [
        _show(path, image, predictors, device, times)
        for path, image in _readable(summary.files, protocol, shown)
    ]
    seconds = {name: statistics.median(values) for name, values in times.items()}
    if turing is not None:
        write_turing(turing, [s.images for s in found], list(times), TRUTH)
    return Comparison(results, found, seconds)


def _readable(files: list[str], protocol: EvalProtocol, count: int) -> list[tuple[Path, Tensor]]:
    """`count` of the measured images, evenly spread, but for those that are gone meanwhile."""
    found = []
    for name in spread(files, count):
        try:
            found.append((Path(name), protocol.read(Path(name))))
        except BadImageError:
            continue
    return found


def _show(
    path: Path,
    truth: Tensor,
    predictors: list[Predictor],
    device: torch.device,
    times: dict[str, list[float]],
) -> Shown:
    batch = truth[None].to(device)
    images = {GRAY: _image(baseline(GRAY).predict(batch))}
    for predictor in predictors:
        if not times[predictor.name]:
            predictor.predict(batch)  # the first call of a network allocates and chooses kernels
        start = time.perf_counter()
        colorized = predictor.predict(batch).cpu()  # waits for the device
        times[predictor.name].append(time.perf_counter() - start)
        images[predictor.name] = _image(colorized)
    return Shown(path, {**images, TRUTH: _image(batch)})


def _image(batch: Tensor) -> Image.Image:
    return Image.fromarray(batch[0].permute(1, 2, 0).cpu().numpy())
