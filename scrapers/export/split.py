"""Split into train, val and test by content."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scrapers import manifest
from scrapers.checks.duplicates import near
from scrapers.errors import ScraperError
from scrapers.files import folder_lock, sha256
from scrapers.manifest import Row

SPLITS = ("train", "val", "test")


def read_rows(folder: Path) -> list[Row]:
    """The rows of a dataset; ScraperError without a manifest."""
    rows = manifest.read(folder)
    if not rows:
        raise ScraperError(f"{folder} has no manifest: run `collect` or `clean` first")
    return rows


def kept(rows: Iterable[Row]) -> list[Row]:
    """The rows of images that no check rejected."""
    return [row for row in rows if row.verdict in ("", "keep")]


def _burst(row: Row) -> str:
    """What groups an image with others: author and day, or just the author; "" if unknown."""
    if not row.author:
        return ""
    return f"{row.source.partition('-')[0]}|{row.author_url or row.author}|{row.taken_at[:10]}"


def groups(rows: list[Row]) -> list[str]:
    """A group key per row; groups are never split.

    A group is the images of one author and day (one author, if the day is unknown), with their
    exact and near duplicates by pHash.
    """
    edges: list[tuple[int, int]] = []
    first: dict[str, int] = {}
    for i, row in enumerate(rows):
        edges += [(first.setdefault(key, i), i) for key in (_burst(row), row.sha256) if key]
    hashed = [i for i, row in enumerate(rows) if row.phash]
    values = np.array([int(rows[i].phash, 16) for i in hashed], np.uint64)
    distinct, back = np.unique(values, return_inverse=True)
    owner = np.zeros(len(distinct), np.int64)
    owner[back] = hashed
    edges += zip(owner[back].tolist(), hashed, strict=True)
    edges += map(tuple, owner[near(distinct, 4)].tolist())
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    names: dict[int, str] = {}
    for i, row in zip(component.tolist(), rows, strict=True):
        key = _burst(row) or row.sha256 or row.file
        names[i] = min(names.get(i, key), key)
    return [names[i] for i in component.tolist()]


def split(folder: Path, val: float, test: float = 0.0) -> Counter[str]:
    """Move every kept image to `images/<split>/` by a hash of its group; returns counts.

    Deterministic, also across folders; run it again after collecting more.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise ScraperError(
            f"--val {val} --test {test}: expected fractions that leave some images for training"
        )
    with folder_lock(folder):
        rows = read_rows(folder)
        chosen = kept(rows)
        for row, key in zip(chosen, groups(chosen), strict=True):
            position = int(sha256(key)[:8], 16) / 2**32
            row.split = "val" if position < val else "test" if position < val + test else "train"
            parts = [part for part in Path(row.file).parts if part not in ("images", *SPLITS)]
            target = Path("images", row.split, *parts).as_posix()
            if target != row.file:
                if (folder / row.file).exists():
                    (folder / target).parent.mkdir(parents=True, exist_ok=True)
                    (folder / row.file).rename(folder / target)
                elif not (folder / target).exists():  # else a killed run already moved it
                    raise ScraperError(f"{folder}: {row.file} is in the manifest but missing")
                row.file = target
        manifest.write(folder, rows)
        return Counter(row.split for row in chosen)
