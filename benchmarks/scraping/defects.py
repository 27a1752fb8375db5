"""How many of a folder's photographs `clean` keeps, and of each defect made of them refuses."""

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scrapers.checks.color import shrink
from scrapers.checks.inspect_image import inspect_image
from scrapers.checks.rules import Rules
from scrapers.errors import KEEP, ScraperError

Picture = NDArray[np.uint8]
Change = Callable[[Picture, Picture, np.random.Generator], NDArray[np.generic]]


def shaken(pixels: int) -> Change:
    """Moved along a line of so many pixels, in any direction."""

    def change(rgb: Picture, other: Picture, random: np.random.Generator) -> NDArray[np.generic]:
        kernel, half = np.zeros((pixels, pixels), np.float32), pixels // 2
        angle = random.uniform(0, np.pi)
        x, y = np.round(half * np.array((np.cos(angle), np.sin(angle)))).astype(int).tolist()
        cv2.line(kernel, (half - x, half - y), (half + x, half + y), 1)
        return cv2.filter2D(rgb, -1, kernel / kernel.sum())

    return change


def out_of_focus(radius: int) -> Change:
    """By a disc of so many pixels."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return lambda rgb, other, random: cv2.filter2D(rgb, -1, disc / disc.sum())


def enlarged(times: int) -> Change:
    """Shrunk so many times, and enlarged again."""

    def change(rgb: Picture, other: Picture, random: np.random.Generator) -> NDArray[np.generic]:
        small = cv2.resize(rgb, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)

    return change


def noisy(deviation: float) -> Change:
    """With noise of so many steps."""
    return lambda rgb, other, random: rgb + random.normal(0, deviation, rgb.shape)


def half_gray(rgb: Picture, other: Picture, random: np.random.Generator) -> NDArray[np.generic]:
    """One half, of any side, without its colors."""
    found, (height, width) = rgb.copy(), rgb.shape[:2]
    halves = (
        np.s_[: height // 2],
        np.s_[height // 2 :],
        np.s_[:, : width // 2],
        np.s_[:, width // 2 :],
    )
    part = halves[random.integers(4)]
    found[part] = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[part][..., None]
    return found


def collage(gutter: int, rows: int) -> Change:
    """Two photographs side by side, or four; `gutter`: pixels of white between them."""

    def change(rgb: Picture, other: Picture, random: np.random.Generator) -> NDArray[np.generic]:
        parts = [cv2.resize(part, (160, 160)) for part in (rgb, other, other[::-1], rgb[:, ::-1])]
        white = np.full((160, gutter, 3), 255, np.uint8)
        lines = [np.hstack((parts[2 * i], white, parts[2 * i + 1])) for i in range(rows)]
        between = np.full((gutter, lines[0].shape[1], 3), 255, np.uint8)
        return lines[0] if rows == 1 else np.vstack((lines[0], between, lines[1]))

    return change


def toned(shadow: tuple[int, int, int], light: tuple[int, int, int]) -> Change:
    """In two colors, for black and for white."""

    def change(rgb: Picture, other: Picture, random: np.random.Generator) -> NDArray[np.generic]:
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None] / 255
        return np.array(shadow) * (1 - gray) + np.array(light) * gray

    return change


# Each with the verdict that it should have.
DEFECTS: dict[str, tuple[str, Change]] = {
    "Gaussian blur of 2 px": ("blurry", lambda rgb, *_: cv2.GaussianBlur(rgb, (0, 0), 2)),
    "out of focus by 3 px": ("blurry", out_of_focus(3)),
    "shaken along 9 px": ("blurry", shaken(9)),
    "shaken along 13 px": ("blurry", shaken(13)),
    "shaken along 19 px": ("blurry", shaken(19)),
    "enlarged 3 times": ("blurry", enlarged(3)),
    "enlarged 5 times": ("blurry", enlarged(5)),
    "noise of 30 steps": ("noisy", noisy(30)),
    "noise of 50 steps": ("noisy", noisy(50)),
    "half gray": ("half-gray", half_gray),
    "4 photographs with gutters": ("collage", collage(6, 2)),
    "4 photographs without": ("collage", collage(0, 2)),
    "2 photographs without": ("collage", collage(0, 1)),
    "sepia": ("sepia", toned((40, 22, 8), (255, 240, 205))),
    "cyanotype": ("sepia", toned((5, 25, 70), (235, 245, 250))),
}


def some_photographs(folder: Path, most: int) -> list[Path]:
    """At most so many JPEG and PNG files of a folder, evenly spread. ScraperError below two."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".jpg", ".png")]
    if len(files) < 2:
        raise ScraperError(f"found {len(files)} JPEG or PNG files in {folder}, expected 2")
    return files[:: max(1, len(files) // most)][:most]


def bench_defects(folder: Path, most: int) -> str:
    """Check `most` photographs of a folder as they are, and with each defect as JPEG."""
    files = some_photographs(folder, most)
    photos = [_read(file) for file in files]
    kept = sum(_verdict(file) == KEEP for file in files)
    lines = [f"kept as they are: {kept / len(files):.1%}"]
    with TemporaryDirectory() as place:
        path = Path(place, "x.jpg")
        for name, (expected, change) in DEFECTS.items():
            random, right = np.random.default_rng(0), 0
            for i, rgb in enumerate(photos):
                path.write_bytes(_jpeg(change(rgb, photos[i - 1], random)))
                right += _verdict(path) == expected
            lines.append(f"{name}: {right / len(photos):.0%} {expected}")
    return f"{len(photos)} photographs\n" + "\n".join(lines)


def _read(file: Path) -> Picture:
    with Image.open(file) as opened:
        return shrink(np.asarray(opened.convert("RGB")))


def _jpeg(values: NDArray[np.generic]) -> bytes:
    stored = io.BytesIO()
    pixels = np.asarray(values, np.float32).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stored, "JPEG", quality=88)
    return stored.getvalue()


def _verdict(file: Path) -> str:
    return inspect_image(file.parent, file.name, Rules()).verdict
