"""Split into train, val and test by content."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scrapers import manifest
from scrapers.checks.duplicates import connect
from scrapers.errors import ScraperError
from scrapers.files import folder_lock, sha256
from scrapers.manifest import SPLITS, Row
from scrapers.moves import move

# pHash bits of near duplicates; of one author's pictures without a date, which may be a burst.
SAME, SAME_AUTHOR = 4, 7


def read_rows(folder: Path) -> list[Row]:
    """The rows of a dataset; ScraperError without a manifest."""
    rows = manifest.read(folder)
    if not rows:
        raise ScraperError(f"{folder} has no manifest: run `collect` or `clean` first")
    return rows


def kept(rows: Iterable[Row]) -> list[Row]:
    """The rows of images that no check rejected."""
    return [row for row in rows if row.verdict in ("", "keep")]


def _author(row: Row) -> str:
    return f"{row.source.partition('-')[0]}|{row.author_url or row.author}" if row.author else ""


def _burst(row: Row) -> str:
    """What ties an image to others by time: author and day; "" if either is unknown."""
    return f"{_author(row)}|{row.taken_at[:10]}" if row.author and row.taken_at else ""


def groups(rows: list[Row]) -> list[str]:
    """A group key per row; groups are never split.

    A group is the images of one author and day, with exact and near duplicates by pHash; without
    a date, look-alikes of one author are tied too.
    """
    first: dict[str, int] = {}
    stated = [
        (first.setdefault(key, i), i)
        for i, row in enumerate(rows)
        for key in (_burst(row), row.sha256)
        if key
    ]
    edges = [np.array(stated, np.int64).reshape(-1, 2)]
    edges.append(_alike([i for i, row in enumerate(rows) if row.phash], rows, SAME))
    undated: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.author and row.phash and not row.taken_at:
            undated.setdefault(_author(row), []).append(i)
    for members in undated.values():
        if len(members) > 1:
            edges.append(_alike(members, rows, SAME_AUTHOR))
    pairs = np.concatenate(edges)
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    names: dict[int, str] = {}
    for i, row in zip(component.tolist(), rows, strict=True):
        key = _burst(row) or row.sha256 or row.file
        names[i] = min(names.get(i, key), key)
    return [names[i] for i in component.tolist()]


def _alike(members: list[int], rows: list[Row], radius: int) -> NDArray[np.int64]:
    """Pairs [K, 2] that tie together these rows where hashes are at most `radius` bits apart."""
    values = np.array([int(rows[i].phash, 16) for i in members], np.uint64)
    distinct, back = np.unique(values, return_inverse=True)
    owner = np.zeros(len(distinct), np.int64)
    owner[back] = members
    same = np.stack([owner[back], np.array(members, np.int64)], axis=1)
    return np.concatenate([same, owner[connect(distinct, radius)]])


def assign(keys: list[str], val: float, test: float) -> list[str]:
    """The split of each group key, by its hash; a part that would stay empty gets one group.

    Raises ScraperError if there are fewer groups than parts.
    """
    sizes = Counter(keys)
    position = {key: int(sha256(key)[:8], 16) / 2**32 for key in sizes}
    chosen = {
        key: "val" if at < val else "test" if at < val + test else "train"
        for key, at in position.items()
    }
    parts = [name for name, share in zip(SPLITS, (1, val, test), strict=True) if share]
    if len(sizes) < len(parts):
        largest, count = sizes.most_common(1)[0]
        author, _, day = largest.rpartition("|")
        what = f"{author.partition('|')[2]} on {day}" if author else "look-alikes"
        raise ScraperError(
            f"{' and '.join(parts[len(sizes) :])} would be empty: {len(keys):,} images form "
            f"{len(sizes)} group{'s' * (len(sizes) > 1)} that may not be split ({count:,} of "
            f"{what}); collect from more authors or days"
        )
    for name in parts:
        if name not in chosen.values():
            # The group nearest to its range, from a part that can spare it.
            middle = {"val": 0.0, "test": val, "train": 1.0}[name]
            counts = Counter(chosen.values())
            spare = [key for key in sizes if counts[chosen[key]] > 1]
            chosen[min(spare, key=lambda key: (abs(position[key] - middle), key))] = name
    return [chosen[key] for key in keys]


def split(folder: Path, val: float, test: float = 0.0) -> Counter[str]:
    """Move every kept image to `images/<split>/` by a hash of its group; returns counts.

    Each of these folders gets a `metadata.jsonl`, so that Hugging Face's `imagefolder` reads them.
    Folders below (classes) stay. Deterministic, also across folders; run it again after collecting
    more. Raises ScraperError, before anything moves, for a part that would stay empty, and for a
    `metadata.jsonl` of somebody else.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise ScraperError(
            f"--val {val} --test {test}: expected fractions that leave some images for training"
        )
    with folder_lock(folder):
        rows = read_rows(folder)
        for name in manifest.SPLIT_METADATA:
            if manifest.is_foreign_metadata(folder / name):
                raise ScraperError(
                    f"{folder / name} has other columns than `split` writes, or cannot be read; "
                    "nothing was moved: put it elsewhere"
                )
        chosen = kept(rows)
        if not chosen:
            raise ScraperError(f"{folder}: no image was kept, so there is nothing to split")
        parts = assign(groups(chosen), val, test)
        below = _below(chosen)
        wanted = []
        for row, part in zip(chosen, parts, strict=True):
            target = Path("images", part, below[row.id]).as_posix()
            if not (folder / row.file).exists() and (folder / target).exists():
                row.file = target  # an earlier version was killed before it wrote the manifest
            row.split = part
            wanted.append((row, target))
        move(folder, rows, wanted)
        return Counter(parts)


def _below(rows: list[Row]) -> dict[str, str]:
    """Each row's path below `images/<split>/`.

    Folders named like splits that a new file came in are skipped, unless two files would meet.
    """
    whole, short = {}, {}
    for row in rows:
        parts = Path(row.file).parts
        parts = parts[1:] if parts[0] == "images" else parts
        if row.split and parts[0] == row.split and len(parts) > 1:
            parts = parts[1:]
            short[row.id] = Path(*parts).as_posix()
        else:
            short[row.id] = Path(manifest.label_of(row.file), parts[-1]).as_posix()
        whole[row.id] = Path(*parts).as_posix()
    return short if len(set(short.values())) == len(rows) else whole
