"""Split by content and make smaller copies."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from scrapers import manifest
from scrapers.checks.duplicates import near
from scrapers.errors import BadPictureError, ScraperError
from scrapers.files import only_one
from scrapers.images import decode, identify
from scrapers.manifest import Row

SPLITS = ("train", "val", "test")


def _rows(folder: Path) -> list[Row]:
    rows = manifest.read(folder)
    if not rows:
        raise ScraperError(f"{folder} has no manifest: run `collect` or `clean` first")
    return rows


def kept(rows: Iterable[Row]) -> list[Row]:
    """The rows of pictures that no check refused."""
    return [row for row in rows if row.verdict in ("", "keep")]


def _bursts(row: Row) -> str:
    """What ties a picture to others: its author and day, or the author alone; "" for nothing."""
    if not row.author:
        return ""
    return f"{row.source.partition('-')[0]}|{row.author_url or row.author}|{row.taken_at[:10]}"


def groups(rows: list[Row]) -> list[str]:
    """A key per row; rows with the same one must not be split apart.

    Pictures of one author and day (of one author, where no day is known) belong together, and so
    does whatever has nearly the same pHash.
    """
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, row in enumerate(rows):
        for key in (_bursts(row), row.sha256):
            if key:
                parent[root(i)] = root(first.setdefault(key, i))
    hashed = [i for i, row in enumerate(rows) if row.phash]
    if hashed:
        values = np.array([int(rows[i].phash, 16) for i in hashed], np.uint64)
        distinct, back = np.unique(values, return_inverse=True)
        owner = np.zeros(len(distinct), np.int64)
        owner[back] = hashed
        for position, i in zip(back.tolist(), hashed, strict=True):
            parent[root(i)] = root(int(owner[position]))
        for one, other in near(distinct, 4).tolist():
            parent[root(int(owner[one]))] = root(int(owner[other]))
    names: dict[int, str] = {}
    for i, row in enumerate(rows):
        key = _bursts(row) or row.sha256 or row.file
        names[root(i)] = min(names.get(root(i), key), key)
    return [names[root(i)] for i in range(len(rows))]


def split(folder: Path, val: float, test: float = 0.0) -> Counter[str]:
    """Move every kept picture to `images/<split>/`, as a hash of its group decides; counted.

    The same picture goes to the same split in every folder; run again after more were collected.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise ScraperError(
            f"--val {val} --test {test}: expected shares that leave some to train on"
        )
    with only_one(folder):
        rows = _rows(folder)
        chosen = kept(rows)
        for row, key in zip(chosen, groups(chosen), strict=True):
            place = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32
            row.split = "val" if place < val else "test" if place < val + test else "train"
            parts = [part for part in Path(row.file).parts if part not in ("images", *SPLITS)]
            target = Path("images", row.split, *parts).as_posix()
            if target != row.file:
                if (folder / row.file).exists():
                    (folder / target).parent.mkdir(parents=True, exist_ok=True)
                    (folder / row.file).rename(folder / target)
                elif not (folder / target).exists():  # else a killed run moved it already
                    raise ScraperError(f"{folder}: {row.file} is in the manifest, but not there")
                row.file = target
        manifest.write(folder, rows)
        return Counter(row.split for row in chosen)


def _shrink(source: Path, target: Path, short_side: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        image = identify(source)
        kind = str(image.format).replace("MPO", "JPEG")
        scale = short_side / min(image.size)
        if scale >= 1:
            part.write_bytes(source.read_bytes())
        else:
            size = round(image.width * scale), round(image.height * scale)
            image = decode(image, at_least=2 * short_side)
            options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
            small = image.convert("RGB") if image.mode == "P" else image
            small = small.resize(size, Image.Resampling.LANCZOS)
            small.save(part, format=kind, **options)
    except (BadPictureError, OSError) as error:
        raise ScraperError(f"{source}: {error}; run `clean` first") from None
    part.replace(target)
