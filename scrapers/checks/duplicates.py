"""Near duplicates: pHash finds candidates in buckets, thumbnails decide.

Multi-index hashing (Norouzi et al. 2012, https://arxiv.org/abs/1307.2982): 64 bits are four words
of 16. Two hashes at most 7 bits apart have a word in which they differ by at most one bit, so that
only the 17 buckets of that word are compared, not all pairs.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers.checks.phash import phashes

Hashes = NDArray[np.uint64]
WORDS, BITS = 4, 16
BLOCK = 4_000_000  # pairs compared at a time
# Crops whose hashes are looked up beside the picture's own: of the centre, and of each corner.
CROPS = (0.95, 0.9, 0.85)
CORNER = 0.93
VARIANTS = 2 * (1 + len(CROPS) + 4)
THUMB = 64


def variants(luma: NDArray[np.uint8]) -> list[int]:
    """Hashes of a grey picture [H, W]: itself, its crops, and all of them mirrored.

    The first is the picture's own.
    """
    smooth = cv2.blur(luma, (3, 3)) if min(luma.shape) > 128 else luma
    small = np.asarray(cv2.resize(smooth, (128, 128), interpolation=cv2.INTER_LINEAR), np.uint8)
    cut = [round(64 * (1 - crop)) for crop in CROPS]
    views = [small, *(small[c : 128 - c, c : 128 - c] for c in cut)]
    side = round(128 * CORNER)
    views += [small[y : y + side, x : x + side] for y in (0, 128 - side) for x in (0, 128 - side)]
    hashes: list[int] = phashes(views).ravel().tolist()
    return hashes


def _word(hashes: Hashes, number: int) -> NDArray[np.int64]:
    return ((hashes >> np.uint64(BITS * number)) & np.uint64(0xFFFF)).astype(np.int64)


def near(hashes: Hashes, radius: int = 7, queries: Hashes | None = None) -> NDArray[np.int64]:
    """Pairs [K, 2] at most `radius` (0 to 7) bits apart; complete, each once.

    Without queries: i < j, both of `hashes`; with them (query, hash). Memory stays bounded.
    """
    own = queries is None
    asked = hashes if queries is None else queries
    found = [np.empty((0, 2), np.int64)]
    for number in range(WORDS):
        words = _word(hashes, number)
        order = np.argsort(words, kind="stable")
        ordered = hashes[order]
        starts = np.concatenate([[0], np.cumsum(np.bincount(words, minlength=1 << BITS))])
        sought = _word(asked, number)
        turn = np.argsort(sought, kind="stable")
        for mask in [0, *(1 << bit for bit in range(BITS))] if radius >= WORDS else [0]:
            # Of two buckets that differ in this bit, one asks the other.
            who = turn[(sought[turn] & mask) == 0] if own else turn
            bucket = sought[who] ^ mask
            for pairs in _compare(asked, who, ordered, starts[bucket], starts[bucket + 1], radius):
                both = np.stack([pairs[0], order[pairs[1]]], axis=1)
                found.append(np.sort(both[both[:, 0] != both[:, 1]], axis=1) if own else both)
    return np.unique(np.concatenate(found), axis=0)


def _compare(
    asked: Hashes,
    who: NDArray[np.int64],
    ordered: Hashes,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    radius: int,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(asking, position) of the pairs near enough, block by block."""
    counts = end - start
    sums = np.cumsum(counts)
    first = 0
    while first < len(who):
        done = sums[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(sums, done + BLOCK)))
        part = counts[first:last]
        offset = np.repeat(start[first:last] - (np.cumsum(part) - part), part)
        at = offset + np.arange(len(offset))
        by = np.repeat(who[first:last], part)
        close = np.bitwise_count(ordered[at] ^ asked[by]) <= radius
        yield by[close], at[close]
        first = last


def thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What `match` compares: grey, 96 x 96, whatever the picture's shape."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(luma, (96, 96), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def match(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How well two thumbnails agree, -1 to 1: the best over mirroring and either being a crop.

    Normalised correlation of the finer structure; large areas of light alone never agree.
    """
    best = -1.0
    for mirrored in (other, np.ascontiguousarray(other[:, ::-1])):
        for inner, outer in ((one, mirrored), (mirrored, one)):
            for crop in (1.0, *CROPS):
                best = max(best, _correlate(inner, outer, crop))
    return best


def _correlate(inner: NDArray[np.uint8], outer: NDArray[np.uint8], crop: float) -> float:
    """Correlation where `inner` is a crop of `outer`, wherever it lies in it."""
    side = round(THUMB * crop)
    field = cv2.resize(outer, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
    piece = cv2.resize(inner, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    if crop == 1.0:
        piece = piece[2:-2, 2:-2]  # room to shift by
    field = field - cv2.GaussianBlur(field, (0, 0), 6)
    piece = piece - cv2.GaussianBlur(piece, (0, 0), 6)
    scores = cv2.matchTemplate(field, piece, cv2.TM_CCOEFF_NORMED)
    return float(np.nan_to_num(scores, posinf=0, neginf=0).max())
