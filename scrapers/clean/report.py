"""report.html: counts, licenses, sizes, chroma, and sample images of every verdict.

A self-contained page for reviewing and overriding verdicts.
"""

import base64
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import jinja2
import numpy as np

from scrapers.checks.color import shrink
from scrapers.checks.inspect_image import Inspection
from scrapers.errors import KEEP, BadImageError
from scrapers.files import write_text
from scrapers.images import read_rgb
from scrapers.manifest import Row

SAMPLES = 48  # images per verdict at most: those with the lowest and highest scores
SIDES = (0, 128, 256, 384, 512, 768, 1024, 2048, 4096)
CHROMA = (0, 5, 10, 15, 20, 30, 40, 60, 140)
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write(folder: Path, rows: list[Row], examined: list[Inspection]) -> None:
    """Write the report of a folder, before any file moves."""
    by_verdict = _by_verdict(rows)
    kept = [found for found in examined if found.verdict == KEEP]
    page = _TEMPLATES.get_template("report.html").render(
        name=folder.resolve().name,
        total=len(rows),
        tables={
            "verdict": Counter({name: len(group) for name, group in by_verdict.items()}),
            "license": Counter(f"{r.license or 'unstated'} {r.license_url}".strip() for r in rows),
        },
        histograms={
            "Short side of kept images, pixels": _histogram(
                [min(found.width, found.height) for found in kept], SIDES
            ),
            "Mean chroma of kept images (Lab C*)": _histogram(
                [found.chroma for found in kept], CHROMA
            ),
        },
        groups=[
            (name, len(group), [(row, _thumbnail(folder, row)) for row in _samples(group)])
            for name, group in sorted(by_verdict.items(), key=lambda pair: pair[0] == KEEP)
        ],
    )
    write_text(folder / "report.html", page)


def _by_verdict(rows: list[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.verdict.partition(":")[0], []).append(row)
    return groups


def _histogram(values: list[float] | list[int], edges: Sequence[int]) -> list[tuple[str, int]]:
    counts, _ = np.histogram(values, edges)
    names = [f"{low} to {high}" for low, high in pairwise(edges)]
    return list(zip(names, counts.tolist(), strict=True))


def _samples(rows: list[Row]) -> list[Row]:
    ranked = sorted(rows, key=lambda row: row.score)
    half = SAMPLES // 2
    return ranked if len(ranked) <= SAMPLES else ranked[:half] + ranked[-half:]


def _thumbnail(folder: Path, row: Row) -> str:
    """A JPEG in base64; "" for a file that cannot be decoded."""
    try:
        small = shrink(read_rgb(folder / row.file, 128), 128)
    except (BadImageError, OSError):
        return ""
    return base64.b64encode(_jpeg(small, 70)).decode()


def _jpeg(rgb: np.ndarray, quality: int) -> bytes:
    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def sheet(folder: Path, rows: list[Row], side: int = 96) -> bytes:
    """A contact sheet as JPEG: one row per verdict, its first images."""
    lines = []
    for verdict, group in sorted(_by_verdict(rows).items()):
        line = np.full((side + 24, 5 * (side + 8), 3), 255, np.uint8)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(line, verdict, (4, 16), font, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        for i, row in enumerate(group[:5]):
            try:
                rgb = shrink(read_rgb(folder / row.file, side), side)[:side, :side]
            except (BadImageError, OSError):
                continue
            left = i * (side + 8)
            line[22 : 22 + rgb.shape[0], left : left + rgb.shape[1]] = rgb
        lines.append(line)
    return _jpeg(np.vstack(lines), 85)
