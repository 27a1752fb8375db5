"""Near duplicates: which pairs are found, and how much is compared."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scrapers.checks import duplicates
from scrapers.checks.duplicates import connect, near
from scrapers.checks.inspect_image import Inspection
from scrapers.checks.rules import Rules
from scrapers.clean import deduplicate
from scrapers.export.split import groups
from scrapers.manifest import Row


def test_near_equal_frames_are_compared_with_one_of_them_each(tmp_path, monkeypatch):
    """Work counted, not timed: pairs of n frames are n * (n - 1) / 2."""
    compared = []
    monkeypatch.setattr(
        deduplicate.duplicates, "match", lambda one, other, _: compared.append(1) or 1.0
    )
    monkeypatch.setattr(deduplicate, "_thumbnail", lambda *_: None)
    random = np.random.default_rng(0)
    base = cv2.resize(random.integers(0, 255, (9, 9), np.uint8), (128, 128))
    frames = []
    for i in range(300):
        luma = (base + random.normal(0, 20, base.shape)).clip(0, 255).astype(np.uint8)
        hashes = deduplicate.duplicates.variants(luma)
        frames.append(Inspection(f"{i}", sha256=f"{i}", width=9, height=9, hashes=hashes))
    assert len({frame.hashes[0] for frame in frames}) > 1
    deduplicate.find_duplicates(tmp_path, frames, Rules())
    assert sum(frame.verdict == "keep" for frame in frames) <= 3
    assert len(compared) <= 2 * len(frames)


def test_near_hashes_are_all_found(tmp_path: Path):
    random = np.random.default_rng(1)
    hashes = random.integers(0, 2**64, 400, dtype=np.uint64)
    for i in range(0, 200, 2):  # distances from 0 to 9, at random bits
        bits = random.permutation(64)[: (i // 2) % 10].astype(np.uint64)
        hashes[i + 1] = hashes[i] ^ np.bitwise_or.reduce(np.uint64(1) << bits, initial=0)
    for i in range(64):  # 7 bits apart, found by only one bucket of one word
        word, bit = divmod(i, 16)
        masks = [1 << bit if w == word else 0b11 << (i % 15) for w in range(4)]
        flipped = sum(mask << 16 * w for w, mask in enumerate(masks))
        hashes[201 + 2 * i] = hashes[200 + 2 * i] ^ np.uint64(flipped)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])
    for radius in (0, 3, 4, 7):
        expected = np.argwhere(np.triu(distance <= radius, 1))
        assert near(hashes, radius).tolist() == expected.tolist()
        asked = np.argwhere(distance[:50] <= radius)
        assert near(hashes, radius, hashes[:50]).tolist() == asked.tolist()


def like(count: int, flips: int, random: np.random.Generator) -> np.ndarray:
    """Distinct hashes, each of which differs in at most `flips` bits from one."""
    bits = random.integers(0, 64, (4 * count, flips)).astype(np.uint64)
    flipped = np.bitwise_or.reduce(np.uint64(1) << bits, axis=1)
    return np.unique(flipped ^ random.integers(0, 2**64, dtype=np.uint64))[:count]


def parts(edges: np.ndarray, count: int) -> list[int]:
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(count, count))
    return connected_components(graph, directed=False)[1].tolist()


@pytest.mark.parametrize("radius", [0, 3, 4, 7])
def test_connect_ties_together_what_all_pairs_tie_together(radius: int):
    random = np.random.default_rng(2)
    mixed = [like(150, flips, random) for flips in (1, 2, 3, 5, 9)]
    hashes = random.permutation(
        np.unique(np.concatenate([*mixed, random.integers(0, 2**64, 300, dtype=np.uint64)]))
    )
    found = connect(hashes, radius)
    assert (np.bitwise_count(hashes[found[:, 0]] ^ hashes[found[:, 1]]) <= radius).all()
    assert parts(found, len(hashes)) == parts(near(hashes, radius), len(hashes))
    assert connect(hashes[:0], radius).shape == (0, 2)


def test_the_work_for_near_equal_frames_grows_with_their_number(monkeypatch):
    """Work counted, not timed: pairs of n frames are n * (n - 1) / 2."""
    compared = []
    count = np.bitwise_count
    monkeypatch.setattr(
        duplicates.np, "bitwise_count", lambda bits: compared.append(bits.size) or count(bits)
    )
    for frames in (1000, 4000):
        hashes = like(frames, 3, np.random.default_rng(3))
        assert len(hashes) == frames
        rows = [Row(id=str(i), file=f"{i}.jpg", sha256=f"{i}", phash=f"{value:016x}")
                for i, value in enumerate(hashes.tolist())]  # fmt: skip
        compared.clear()
        assert len(set(groups(rows))) == 1
        assert sum(compared) < 256 * frames
