"""Find, read, check and split image files."""

import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gan_color.color.gray import is_gray
from gan_color.config.data import DataConfig, FolderConfig
from gan_color.errors import GanColorError
from gan_color.images.files import find_images
from gan_color.images.open import (
    BadImageError,
    open_image,
    to_srgb,
)
from gan_color.images.tar import read_bytes, stamp, tar_of


@dataclass(frozen=True)
class ImageFile:
    """One usable image of a dataset."""

    path: Path
    digest: str  # SHA-256 of the file's bytes
    gray: bool
    label: int = -1  # index into Index.classes
    source: str = ""  # what balancing counts as one source
    folder: int = 0  # which of the configured folders it came from
    input: Path | None = None  # what L is taken from, where that is another photo


@dataclass
class Index:
    """What a scan found: usable files, bad ones with their reason, class names."""

    files: list[ImageFile] = field(default_factory=list)
    bad: list[tuple[Path, str]] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


def _examine(path: Path) -> dict[str, object]:
    try:
        data = read_bytes(path)
        rgb = np.array(to_srgb(open_image(io.BytesIO(data))))
    except (BadImageError, OSError) as error:
        return {"bad": str(error)}
    return {"digest": hashlib.sha256(data).hexdigest(), "gray": is_gray(rgb)}


class ScanCache:
    """What earlier scans learned about files, by path, size and modification time.

    A jsonl file, appended to; a broken line (a killed run) is skipped and simply redone. Files that
    could not be read are not in it: new permissions or a new decoder may change that.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, dict[str, object]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    if "bad" not in row:
                        self.known[row.pop("key")] = row
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue

    @staticmethod
    def key(path: Path) -> str:
        size, modified = stamp(path)
        return f"{path.absolute()}|{size}|{modified}"

    def add(self, rows: dict[str, dict[str, object]]) -> None:
        self.known |= rows
        rows = {key: row for key, row in rows.items() if "bad" not in row}
        if self.path is None or not rows:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # The newline first: whatever a killed run left unfinished ends here.
            file.writelines(f"\n{json.dumps({'key': k, **v})}" for k, v in rows.items())


def examine(paths: Iterable[Path], cache: ScanCache) -> Iterator[dict[str, object]]:
    """What is known of each path: {"digest", "gray"} or {"bad": reason}, in the same order."""
    keys = {path: cache.key(path) for path in paths}
    new = [path for path, key in keys.items() if key not in cache.known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(new), 1024):
            part = new[start : start + 1024]
            rows = pool.map(_examine, part)
            cache.add({keys[path]: row for path, row in zip(part, rows, strict=True)})
    for key in keys.values():
        yield cache.known[key]


def scan(folders: tuple[FolderConfig, ...], data: DataConfig, cache: ScanCache) -> Index:
    """Find and check every image of the folders and their tars; subfolders become classes.

    `data.source_pattern` names the source of a file by the first group of a regular expression on
    its name; without it, a folder is one source. Raises GanColorError for a folder without images.
    """
    index = Index()
    found = [(i, f.path, find_images(f.path, shards=True)) for i, f in enumerate(folders)]
    labeled = {
        path: path.relative_to(root).parts[0]
        for _, root, paths in found
        for path in paths
        if len(path.relative_to(root).parts) > 1 and tar_of(path) is None
    }
    index.classes = sorted(set(labeled.values()))
    label_of = {name: i for i, name in enumerate(index.classes)}
    for i, root, paths in found:
        for path, known in zip(paths, examine(paths, cache), strict=True):
            if "bad" in known:
                index.bad.append((path, str(known["bad"])))
                continue
            label = label_of[labeled[path]] if path in labeled else -1
            index.files.append(
                ImageFile(
                    path,
                    str(known["digest"]),
                    bool(known["gray"]),
                    label,
                    _source(path, root, data.source_pattern),
                    i,
                )
            )
    return index


def _source(path: Path, root: Path, pattern: str | None) -> str:
    if pattern is None:
        return root.name
    match = re.search(pattern, path.name)
    if match is None:
        raise GanColorError(
            f"data.source_pattern: {pattern!r} does not match the file name {path.name!r}"
        )
    return match.group(1)
