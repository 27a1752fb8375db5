"""Several models on the same photographs: one table, one grid of pictures, seconds a picture.

`compare` measures (gan_color.evaluation.evaluator), colours a few photographs with every answer,
and returns a Comparison, which writes its page or draws its sheet.
"""

import html
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from gan_color.atomic import write_text
from gan_color.errors import GanColorError
from gan_color.evaluation import html_report
from gan_color.evaluation.evaluator import Result, evaluate
from gan_color.evaluation.per_image import TRUTH, Judges
from gan_color.evaluation.predictors import Answer, load_answers, reference
from gan_color.evaluation.protocols import Protocol
from gan_color.evaluation.report import figure_rows
from gan_color.evaluation.turing import write_turing
from gan_color.hub.pretrained import find_model
from gan_color.images.files import find_images, spread
from gan_color.images.open import BadImageError

GREY = "grey"
SECONDS = "seconds a picture"


@dataclass(frozen=True)
class Shown:
    """A photograph with every answer to it, by name, grey first and the truth last."""

    file: Path
    pictures: dict[str, Image.Image]


@dataclass(frozen=True)
class Comparison:
    """What was measured of every answer, and the photographs that are shown."""

    results: list[Result]
    shown: list[Shown]
    seconds: dict[str, float]  # a picture, median over the shown ones, batch 1

    @property
    def names(self) -> list[str]:
        """The models, in the order they were given."""
        return list(self.seconds)

    def rows(self) -> list[list[str]]:
        """The table: a row a figure, its name first, then grey and the models."""
        times = [
            f"{self.seconds[r.answer.name]:.3f}" if r.answer.name in self.seconds else "–"
            for r in self.results
        ]
        return [*figure_rows(self.results), [SECONDS, *times]]

    def table(self) -> str:
        """The table as text."""
        header = ["", *(result.answer.name for result in self.results)]
        lines = [header, *self.rows()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def sheet(self, side: int = 160) -> Image.Image:
        """All shown photographs as one picture: a line each, grey | every model | truth."""
        columns = len(self.shown[0].pictures)
        sheet = Image.new("RGB", (columns * side, len(self.shown) * side), "white")
        for row, shown in enumerate(self.shown):
            for column, picture in enumerate(shown.pictures.values()):
                small = picture.copy()
                small.thumbnail((side, side), Image.Resampling.LANCZOS)
                sheet.paste(small, (column * side, row * side))
        return sheet

    def write_page(self, path: Path) -> None:
        """The table and the grid as one page that needs no other file."""
        first = self.results[0].figures
        names = [result.answer.name for result in self.results]
        parts = [
            "<h1>Comparison</h1>",
            f"<p>{first['n']} pictures of {html.escape(first['data'])}, protocol "
            f"<b>{html.escape(first['protocol'])}</b>. Brackets are 95 % intervals over pictures. "
            f"Seconds are those of this machine ({torch.get_num_threads()} threads), one picture "
            "at a time.</p>",
            f'<div class="wide">{html_report.grid(["", *names], self.rows())}</div>',
            "<h2>Pictures</h2>",
            f'<div class="wide">{self._grid()}</div>',
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, html_report.page("Comparison", parts))

    def _grid(self) -> str:
        header = "".join(f"<th>{html.escape(name)}</th>" for name in self.shown[0].pictures)
        lines = []
        for shown in self.shown:
            cells = "".join(
                f'<td><img alt="{html.escape(f"{shown.file.name}: {name}")}" '
                f'src="{html_report.data_url(html_report.jpeg(picture), "jpeg")}"></td>'
                for name, picture in shown.pictures.items()
            )
            lines.append(f"<tr>{cells}</tr>")
        return f'<table class="pictures"><tr>{header}</tr>{"".join(lines)}</table>'


def model_files(names: str) -> list[Path]:
    """The files that "a,b,c" names: model files, or folders of runs."""
    paths = [Path(name.strip()) for name in names.split(",") if name.strip()]
    if not paths:
        raise GanColorError(f"--models: found {names!r}, expected files or runs: a,b,c")
    return [path / "model.safetensors" if path.is_dir() else find_model(path) for path in paths]


def compare(
    models: list[Path],
    data: Path,
    protocol: Protocol | None = None,
    judges: Judges | None = None,
    device: torch.device | None = None,
    shown: int = 12,
    turing: Path | None = None,
) -> Comparison:
    """Measure model files on a folder of colour photographs, beside the all-grey answer.

    `shown` photographs, spread over the folder, are coloured for the grid and timed; `turing` is
    where a blind test of the same photographs is written. Raises GanColorError.
    """
    protocol, device = protocol or Protocol(), device or torch.device("cpu")
    answers = load_answers(models, protocol, device)
    with tempfile.TemporaryDirectory() as work:
        results, summary = evaluate(
            [reference(GREY), *answers], data, protocol, judges or Judges(), device, Path(work)
        )
        assert summary is not None  # there is one process only
        summary.discard()
    times: dict[str, list[float]] = {answer.name: [] for answer in answers}
    found = [
        _show(path, picture, answers, device, times)
        for path, picture in _readable(data, protocol, shown)
    ]
    seconds = {name: statistics.median(values) for name, values in times.items()}
    if turing is not None:
        write_turing(turing, [s.pictures for s in found], list(times), TRUTH)
    return Comparison(results, found, seconds)


def _readable(data: Path, protocol: Protocol, count: int) -> list[tuple[Path, Tensor]]:
    """The readable ones of `count` photographs, evenly spread over the folder."""
    found = []
    for path in spread(find_images(data), count):
        try:
            found.append((path, protocol.read(path)))
        except BadImageError:
            continue
    return found


def _show(
    path: Path,
    truth: Tensor,
    answers: list[Answer],
    device: torch.device,
    times: dict[str, list[float]],
) -> Shown:
    batch = truth[None].to(device)
    pictures = {GREY: _image(reference(GREY).colour(batch))}
    for answer in answers:
        if not times[answer.name]:
            answer.colour(batch)  # the first call of a network allocates and chooses kernels
        start = time.perf_counter()
        coloured = answer.colour(batch).cpu()  # waits for the device
        times[answer.name].append(time.perf_counter() - start)
        pictures[answer.name] = _image(coloured)
    return Shown(path, {**pictures, TRUTH: _image(batch)})


def _image(batch: Tensor) -> Image.Image:
    return Image.fromarray(batch[0].permute(1, 2, 0).cpu().numpy())
