"""TIFFs and PNGs of every layout, with the values stored in them."""

import struct
import zlib

import numpy as np

from tests.helpers.image_files import tiff

HEIGHT, WIDTH = 21, 37  # no multiple of a tile or a strip
RANDOM = np.random.default_rng(0)
# Photometric, samples, extra samples, and where alpha is (None: nowhere).
KINDS = [
    ("minisblack", 1, [], None),
    ("miniswhite", 1, [], None),
    ("minisblack", 2, ["unassalpha"], 1),
    ("minisblack", 2, ["assocalpha"], 1),
    ("minisblack", 3, ["unspecified", "unassalpha"], 2),
    ("rgb", 3, [], None),
    ("rgb", 4, ["unassalpha"], 3),
    ("rgb", 4, ["assocalpha"], 3),
    ("rgb", 4, ["unspecified"], None),
    ("rgb", 5, ["unassalpha", "unspecified"], 3),
]
PACKED = ["none", "lzw", "deflate", "packbits", "zstd", "lzma"]


def written(
    kind: tuple, depth: int, planar: str, tile: object, packed: str, order: str, predict: bool
) -> tuple[bytes, np.ndarray, np.ndarray | None]:
    """A TIFF, and the color and alpha that are stored in it."""
    photometric, samples, extra, _ = kind
    most = 2**depth - 1
    values = RANDOM.integers(0, most + 1, (HEIGHT, WIDTH, samples)).astype(f"u{depth // 8}")
    if extra == ["assocalpha"]:
        values[..., :-1] = values[..., :-1].astype(np.int64) * values[..., -1:] // most
    stored = values[..., 0] if samples == 1 else values
    if planar == "separate":
        stored = np.ascontiguousarray(np.moveaxis(values, 2, 0))
    data = tiff(
        stored,
        photometric=photometric,
        planarconfig=planar if samples > 1 else None,
        tile=tile,
        compression=None if packed == "none" else packed,
        predictor=predict,
        byteorder=order,
        extrasamples=extra or None,
        rowsperstrip=None if tile else 8,
    )
    return data, *color_and_alpha(values, kind)


def color_and_alpha(values: np.ndarray, kind: tuple) -> tuple[np.ndarray, np.ndarray | None]:
    """What stored values [H, W, samples] mean: color [H, W, 3] as integers, and alpha [H, W]."""
    photometric, _, extra, alpha = kind
    most = np.iinfo(values.dtype).max
    colors = 3 if photometric == "rgb" else 1
    color = values[..., :colors].astype(np.int64)
    if photometric == "miniswhite":
        color = most - color
    if extra == ["assocalpha"]:
        opaque = np.maximum(values[..., -1:].astype(np.int64), 1)
        color = np.floor(color * most / opaque + 0.5).clip(0, most)
    color = np.broadcast_to(color, (HEIGHT, WIDTH, 3)) if colors == 1 else color
    return color, None if alpha is None else values[..., alpha]


def png_16(values: np.ndarray, kind: int, interlaced: bool, *chunks: bytes) -> bytes:
    """A PNG of 16 bits; `kind` is its color type."""

    def rows(part: np.ndarray) -> bytes:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in part)

    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
             (0, 1, 1, 2)]  # fmt: skip
    passes = [values[y::dy, x::dx] for x, y, dx, dy in steps] if interlaced else [values]
    height, width = values.shape[:2]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlaced))
    body = chunk(b"IDAT", zlib.compress(b"".join(map(rows, passes))))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
