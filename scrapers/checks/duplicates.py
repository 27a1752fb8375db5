"""Near duplicates: pHash buckets find candidates, thumbnails decide.

Multi-index hashing (Norouzi et al. 2012, https://arxiv.org/abs/1307.2982): 64 bits are four words
of 16. Two hashes at most 7 bits apart differ by at most one bit in some word, so that only 17
buckets per word are compared instead of all pairs.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers.checks.phash import phashes, turned_hashes

Hashes = NDArray[np.uint64]
WORDS, BITS = 4, 16
CROWD = 32  # hashes of a bucket that are compared in pairs
BLOCK = 4_000_000  # pairs compared at a time
# Crops that are looked up besides the full image: of the center, and of each corner.
CROPS = (0.95, 0.9, 0.85)
CORNER = 0.93
TURNS = 6
VARIANTS = 2 * (1 + len(CROPS) + 4) + TURNS
THUMB = 64


def variants(luma: NDArray[np.uint8]) -> list[int]:
    """Hashes of a gray image [H, W], its crops, their mirror images, and of the image turned.

    Its own comes first.
    """
    smooth = cv2.blur(luma, (3, 3)) if min(luma.shape) > 128 else luma
    small = np.asarray(cv2.resize(smooth, (128, 128), interpolation=cv2.INTER_LINEAR), np.uint8)
    cut = [round(64 * (1 - crop)) for crop in CROPS]
    views = [small, *(small[c : 128 - c, c : 128 - c] for c in cut)]
    side = round(128 * CORNER)
    views += [small[y : y + side, x : x + side] for y in (0, 128 - side) for x in (0, 128 - side)]
    hashes: list[int] = phashes(views).ravel().tolist()
    return hashes + turned_hashes(small)


def _word(hashes: Hashes, number: int) -> NDArray[np.int64]:
    return ((hashes >> np.uint64(BITS * number)) & np.uint64(0xFFFF)).astype(np.int64)


def near(
    hashes: Hashes,
    radius: int = 7,
    queries: Hashes | None = None,
    at_most: int | None = None,
    crowd: int | None = None,
) -> NDArray[np.int64]:
    """All pairs [K, 2] at most `radius` (0 to 7) bits apart, each once, in bounded memory.

    Without queries: i < j within `hashes`; with them: (query, hash). `at_most`: look at this many
    of a bucket only, the first ones, so that thousands of like hashes do not meet one another.
    `crowd`: pass over pairs from or into a bucket of more, within `hashes`.
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
            # Of two buckets that differ in this bit, only one queries the other.
            who = turn[(sought[turn] & mask) == 0] if own else turn
            bucket = sought[who] ^ mask
            start, end = starts[bucket], starts[bucket + 1]
            if crowd is not None:
                sizes = np.maximum(end - start, starts[sought[who] + 1] - starts[sought[who]])
                end = np.where(sizes > crowd, start, end)
            if at_most is not None:
                end = np.minimum(end, start + at_most)
            for pairs in _compare(asked, who, ordered, start, end, radius):
                both = np.stack([pairs[0], order[pairs[1]]], axis=1)
                found.append(np.sort(both[both[:, 0] != both[:, 1]], axis=1) if own else both)
    return np.unique(np.concatenate(found), axis=0)


def connect(hashes: Hashes, radius: int = 7) -> NDArray[np.int64]:
    """Pairs [K, 2] that tie together what all pairs of `near` do, and no more.

    Thousands of like hashes, as a film's frames have, are millions of pairs; these are a few for
    each hash.
    """
    crowd = max(CROWD, 4 * len(hashes) >> BITS)  # four times what chance puts into a bucket
    if len(hashes) <= crowd:
        return _spanning(hashes, np.arange(len(hashes)), radius)
    found = [near(hashes, radius, crowd=crowd)]
    for number in range(WORDS):
        words = _word(hashes, number)
        order = np.argsort(words, kind="stable")
        sizes = np.bincount(words, minlength=1 << BITS)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        masks = [0, *(1 << bit for bit in range(BITS))] if radius >= WORDS else [0]
        for crowded in np.flatnonzero(sizes > crowd).tolist():
            around = [
                order[starts[crowded ^ mask] : starts[(crowded ^ mask) + 1]] for mask in masks
            ]
            found.append(_spanning(hashes, np.concatenate(around), radius))
    return np.concatenate(found)


def _spanning(hashes: Hashes, members: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """A tree over each set of members that chains of the radius tie together: a walk that meets
    each member once, and compares it with those only that it has not met.
    """
    left = members
    edges = [np.empty((0, 2), np.int64)]
    queue: list[int] = []
    while len(left):
        if not queue:
            queue, left = [int(left[0])], left[1:]
        one = queue.pop()
        close = np.bitwise_count(hashes[left] ^ hashes[one]) <= radius
        met = left[close]
        edges.append(np.stack([np.full(len(met), one), met], axis=1))
        queue += met.tolist()
        left = left[~close]
    return np.concatenate(edges)


def _compare(
    asked: Hashes,
    who: NDArray[np.int64],
    ordered: Hashes,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    radius: int,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(query, position) of pairs within the radius, block by block."""
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
    """The input of `match`: gray, 96 x 96, any aspect squeezed."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(luma, (96, 96), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def match(one: NDArray[np.uint8], other: NDArray[np.uint8], enough: float = 1.0) -> float:
    """Similarity of two thumbnails, -1 to 1: the best over mirroring, turning and cropping.

    Normalized correlation of fine structure, so that smooth brightness alone never matches. The
    first similarity of `enough` is returned at once.
    """
    best = -1.0
    for inner, outer, crop in _views(one, other):
        best = max(best, _correlate(inner, outer, crop))
        if best >= enough:
            break
    return best


def _views(
    one: NDArray[np.uint8], other: NDArray[np.uint8]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], float]]:
    """(inner, outer, crop) of every way to compare, the likely ones first."""
    mirrored = np.ascontiguousarray(other[:, ::-1])
    for crop in (1.0, *CROPS):
        for view in (other, mirrored):
            yield one, view, crop
            yield view, one, crop
    for turned in _turns(other):
        yield one, turned, 1.0


def _turns(thumb: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """A thumbnail turned by 90, 180, 270 degrees, and mirrored."""
    for quarters in (1, 2, 3):
        turned = np.rot90(thumb, quarters)
        yield np.ascontiguousarray(turned)
        yield np.ascontiguousarray(turned[:, ::-1])


def _correlate(inner: NDArray[np.uint8], outer: NDArray[np.uint8], crop: float) -> float:
    """Correlation with `inner` as a crop of `outer`, at the best position."""
    side = round(THUMB * crop)
    field = cv2.resize(outer, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
    piece = cv2.resize(inner, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    if crop == 1.0:
        piece = piece[2:-2, 2:-2]  # room to shift by
    field = field - cv2.GaussianBlur(field, (0, 0), 6)
    piece = piece - cv2.GaussianBlur(piece, (0, 0), 6)
    scores = cv2.matchTemplate(field, piece, cv2.TM_CCOEFF_NORMED)
    return float(np.nan_to_num(scores, posinf=0, neginf=0).max())
