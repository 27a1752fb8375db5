"""What was measured, on the disk: a file a chunk of images, whole or absent.

Chunks make an evaluation resumable, let several processes share one, and keep its memory flat.
The folder is named by a hash of everything that decides the figures, so that a change of model,
images or protocol starts afresh instead of mixing.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gan_color.atomic import atomic_write

Array = NDArray[Any]
LISTS = ("files", "unreadable", "gray")  # of a chunk's header


@dataclass
class Chunk:
    """Arrays by name, rows in the order of `files`; the files that could not be read, and those
    that are gray.
    """

    files: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    gray: list[str] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)


def key_of(parts: dict[str, Any]) -> str:
    """A short hash of JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


class Store:
    """The chunks of one evaluation below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, number: int) -> Path:
        return self.folder / f"chunk-{number:06d}.safetensors"

    def has(self, number: int) -> bool:
        """True where the chunk is there and whole."""
        try:
            self._header(number)
        except (OSError, SafetensorError, KeyError, ValueError):
            return False
        return True

    def save(self, number: int, chunk: Chunk) -> None:
        """Write a chunk."""
        header = {name: json.dumps(getattr(chunk, name)) for name in LISTS}
        with atomic_write(self._path(number)) as temporary:
            save_file(chunk.arrays, temporary, metadata=header)

    def _header(self, number: int) -> Chunk:
        with safe_open(self._path(number), framework="np") as file:
            metadata = file.metadata()
        return Chunk(**{name: json.loads(metadata[name]) for name in LISTS})

    def names(self, chunks: int) -> Chunk:
        """All chunks' files in order, unreadable ones with the reason, gray ones; no arrays."""
        headers = [self._header(number) for number in range(chunks)]
        return Chunk(
            files=[line for header in headers for line in header.files],
            unreadable=[line for header in headers for line in header.unreadable],
            gray=[line for header in headers for line in header.gray],
        )

    def _parts(self, name: str, chunks: int) -> Iterator[Array]:
        for number in range(chunks):
            if self._header(number).files:
                with safe_open(self._path(number), framework="np") as file:
                    yield file.get_tensor(name)

    def gather(self, name: str, chunks: int) -> Array:
        """An array's rows over all chunks, memory-mapped from one file."""
        rows = len(self.names(chunks).files)
        path = self.folder / f"{quote(name, safe='')}.npy"
        whole: Array | None = None
        row = 0
        for part in self._parts(name, chunks):
            if whole is None:
                shape = (rows, *part.shape[1:])
                whole = np.lib.format.open_memmap(path, mode="w+", dtype=part.dtype, shape=shape)
            whole[row : row + len(part)] = part
            row += len(part)
        assert whole is not None
        return whole

    def add_up(self, name: str, chunks: int) -> Array:
        """The sum of an array over all chunks."""
        total: Array = sum(self._parts(name, chunks), start=np.zeros((), dtype=np.int64))
        return total
