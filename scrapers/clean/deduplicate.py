"""Near duplicates: candidates by hash, confirmed by comparing thumbnails."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from scrapers.checks import duplicates
from scrapers.checks.color import SIDE, shrink
from scrapers.checks.inspect_image import Inspection
from scrapers.checks.rules import Rules
from scrapers.errors import KEEP
from scrapers.images import read_rgb

BUCKET = 256  # hashes of one bucket that are looked at, the best-ranked
LOOK_ALIKES = 16  # candidates compared per image and round
ROUNDS = 8
# A lossless copy is larger than the JPEG it was made from, and no better.
_LOSSY = ("JPEG", "MPO", "WEBP")


def _rank(found: Inspection) -> tuple[int, bool, int, int, str]:
    """Sort key, best first: more pixels, lossy format, more bytes, shorter name."""
    pixels = found.width * found.height
    if found.box:
        left, top, right, bottom = found.box
        pixels = round(pixels * (right - left) * (bottom - top))
    lossless = found.format not in _LOSSY
    # Sizes within about 5% tie: a cropped framed copy is no better than the original.
    return (
        -round(20 * math.log(max(1, pixels))),
        lossless,
        -found.bytes,
        len(found.file),
        found.file,
    )


def find_duplicates(
    folder: Path, kept: list[Inspection], rules: Rules, others: Sequence[Inspection] = ()
) -> None:
    """Mark every copy of a better image as `duplicate-of:FILE`, across splits.

    `others`: images of another folder, by absolute path, which are better than any of these.
    """
    ranked = [*others, *sorted(kept, key=_rank)]
    thumbnail = lru_cache(maxsize=4096)(partial(_thumbnail, folder, ranked, rules))
    waiting = list(range(len(ranked)))
    # A round compares each image with the best of its look-alikes only, so that thousands of near
    # equal frames meet one of them; images whose look-alikes all went are compared again.
    for _ in range(ROUNDS):
        dropped = False
        for better, worse in _candidates(ranked, waiting, rules.duplicate_distance):
            # Best first, so that copies are only compared with kept images, never chained.
            if worse < len(others):
                continue
            if ranked[better].verdict != KEEP or ranked[worse].verdict != KEEP:
                continue
            same = ranked[better].sha256 == ranked[worse].sha256
            enough = rules.duplicate_match
            score = 1.0 if same else duplicates.match(thumbnail(better), thumbnail(worse), enough)
            if score >= enough:
                found = ranked[worse]
                found.verdict = f"duplicate-of:{ranked[better].file}"
                found.reason = "same bytes" if same else f"thumbnail correlation {score:.2f}"
                found.score = score
                dropped = True
        if not dropped:
            return
        waiting = [i for i in waiting if ranked[i].verdict == KEEP]


def _candidates(
    ranked: list[Inspection], indices: list[int], distance: int
) -> Iterator[tuple[int, int]]:
    """(better, worse) of images that may be copies, at most LOOK_ALIKES of each worse one."""
    if not indices:
        return
    at = np.array(indices, np.int64)
    own = np.array([ranked[i].hashes[0] for i in indices], np.uint64)
    first_bytes: dict[str, int] = {}
    exact = np.array([first_bytes.setdefault(ranked[i].sha256, i) for i in indices], np.int64)
    del first_bytes
    distinct, first, back = np.unique(own, return_index=True, return_inverse=True)
    found = [np.stack([exact, at], axis=1), np.stack([at[first[back]], at], axis=1)]
    # In the order of rank, so that the first of a bucket are the best.
    order = np.argsort(first)
    distinct, best = distinct[order], at[first[order]]
    for number in range(duplicates.VARIANTS):
        asked = np.array([ranked[i].hashes[number] for i in indices], np.uint64)
        pairs = duplicates.near(distinct, distance, asked, at_most=BUCKET)
        found.append(np.stack([at[pairs[:, 0]], best[pairs[:, 1]]], axis=1))
    pairs = np.sort(np.concatenate(found), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    by_worse = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    worse = by_worse[:, 1]
    starts = np.searchsorted(worse, worse)
    chosen = by_worse[np.arange(len(worse)) - starts < LOOK_ALIKES]
    yield from map(tuple, chosen[np.lexsort((chosen[:, 1], chosen[:, 0]))].tolist())


def _thumbnail(folder: Path, ranked: list[Inspection], rules: Rules, i: int) -> np.ndarray:
    found = ranked[i]
    rgb = shrink(read_rgb(folder / found.file, SIDE, rules.max_pixels))
    if found.box:
        height, width = rgb.shape[:2]
        left, top, right, bottom = found.box
        rgb = rgb[round(top * height) : round(bottom * height)]
        rgb = rgb[:, round(left * width) : round(right * width)]
    return duplicates.thumbnail(rgb)
