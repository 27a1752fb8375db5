"""What is read of each layout of 16 bits, beside libtiff and libpng.

`python -m tests.helpers.layout_table` prints the tables of docs/formats.md.
"""

import itertools
import sys
from collections.abc import Callable, Sequence

import imagecodecs
import numpy as np

from gan_color.images.damage import BadImageError
from gan_color.images.decode import read
from tests.helpers.image_files import tiff
from tests.helpers.layouts import (
    HEIGHT,
    KINDS,
    PACKED,
    RANDOM,
    WIDTH,
    chunk,
    color_and_alpha,
    png_16,
    written,
)

NAMES = {"minisblack": "gray", "miniswhite": "gray, white is zero", "rgb": "RGB"}
EXTRA = {
    "unassalpha": "alpha",
    "assocalpha": "premultiplied alpha",
    "unspecified": "a sample of no meaning",
}
PNG_KINDS = {0: ("gray", 1), 2: ("RGB", 3), 4: ("gray, alpha", 2), 6: ("RGB, alpha", 4)}


def table(packings: Sequence[str] = PACKED) -> str:
    """Three Markdown tables: TIFF, PNG, and what is refused."""
    lines = ["| TIFF, 16 bits | samples | in strips | in tiles |", "|---|---|---|---|"]
    for kind in KINDS:
        name = ", ".join([NAMES[kind[0]], *(EXTRA[extra] for extra in kind[2])])
        for planar in ("contig", "separate") if kind[1] > 1 else ("contig",):
            cells = [_tiffs(kind, planar, tile, packings) for tile in (None, (16, 32))]
            lines.append(
                f"| {name} | {'chunky' if planar == 'contig' else 'planar'} | {' | '.join(cells)} |"
            )
    lines += ["", "| PNG, 16 bits | whole | interlaced |", "|---|---|---|"]
    for kind, (name, samples) in PNG_KINDS.items():
        for keyed in (False, True) if samples in (1, 3) else (False,):
            cells = [_png(kind, samples, interlaced, keyed) for interlaced in (False, True)]
            shown = f"{name}, a transparent color" if keyed else name
            lines.append(f"| {shown} | {' | '.join(cells)} |")
    lines += ["", "| other TIFFs | verdict |", "|---|---|"]
    lines += [f"| {name} | {verdict_of(data)} |" for name, data in _others()]
    return "\n".join(lines)


def _tiffs(kind: tuple, planar: str, tile: object, packings: Sequence[str]) -> str:
    """One verdict over compressions, byte orders and predictors, or the first that differs."""
    for packed, order in itertools.product(packings, "<>"):
        for predict in (False,) if packed in ("none", "packbits") else (False, True):
            data, _, _ = written(kind, 16, planar, tile, packed, order, predict)
            values = imagecodecs.tiff_decode(data)
            if kind[1] == 1:
                values = values[..., None]
            elif planar == "separate":
                values = np.moveaxis(values, 0, 2)
            verdict = verdict_of(data, lambda v=values: color_and_alpha(v, kind))
            if verdict != "right":
                return f"{packed}, {order}, predictor {predict}: {verdict}"
    return "right"


def _png(kind: int, samples: int, interlaced: bool, keyed: bool) -> str:
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, samples)).astype(np.uint16)
    chunks = [chunk(b"tRNS", values[0, 0].astype(">u2").tobytes())] if keyed else []
    data = png_16(values, kind, interlaced, *chunks)

    def expected() -> tuple[np.ndarray, np.ndarray | None]:
        found = imagecodecs.png_decode(data)
        found = found[..., None] if found.ndim == 2 else found
        colors = 3 if found.shape[2] > 2 else 1
        alpha = found[..., -1] if found.shape[2] > colors else None
        return np.broadcast_to(found[..., :colors], (HEIGHT, WIDTH, 3)), alpha

    return verdict_of(data, expected)


def verdict_of(
    data: bytes, expected: Callable[[], tuple[np.ndarray, np.ndarray | None]] | None = None
) -> str:
    """ "right", "WRONG", or the sentence it is refused with."""
    try:
        found = read(data)
    except BadImageError as error:
        return f"refused: {error}"
    if expected is None:
        return "WRONG: it was read"
    color, alpha = expected()
    same = found.pixels.dtype == np.uint16 and np.array_equal(found.pixels, color)
    same &= (found.alpha is None) == (alpha is None)
    same &= alpha is None or np.array_equal(found.alpha, alpha)
    return "right" if same else "WRONG"


def _others() -> list[tuple[str, bytes]]:
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
    rgb, gray = np.ascontiguousarray(values[..., :3]), values[..., 0]
    real = (rgb / 65535).astype(np.float32)
    return [
        ("CMYK, 16 bits", tiff(values, photometric="separated")),
        ("CIE Lab, 16 bits", tiff(rgb, photometric="cielab")),
        ("RGB, 16 bits, JPEG 2000", tiff(rgb, photometric="rgb", compression="jpeg2000")),
        ("RGB, 16 bits, JPEG XL", tiff(rgb, photometric="rgb", compression="jpegxl")),
        ("gray, 16 bits with a sign", tiff(gray.astype(np.int16), photometric="minisblack")),
        ("RGB, 16 bits, floating point", tiff(real.astype(np.float16), photometric="rgb")),
        ("RGB, 32 bits, floating point", tiff(real, photometric="rgb")),
        ("RGB, 32 bits, integers", tiff(rgb.astype(np.uint32), photometric="rgb")),
        ("gray, 32 bits, integers", tiff(gray.astype(np.uint32), photometric="minisblack")),
        ("gray, 64 bits, floating point", tiff(real[..., 0].astype(float))),
        ("RGB, 16 bits, two pages", tiff(np.stack([rgb, rgb]), photometric="rgb")),
    ]


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
