"""Atomic file writes, and append-only journals that survive a kill."""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scrapers.errors import ScraperError


def sha256(data: bytes | str) -> str:
    """The SHA-256 of bytes, or of text as UTF-8, in hex."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a hidden sibling to write to; it is synced to disk, then renamed to `path`.

    IsADirectoryError, before anything is written, if `path` is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    partial = path.with_name(f".{path.name}.part")
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic(path) as partial:
        partial.write_bytes(text.encode(errors="backslashreplace"))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of UTF-8 atomically, without holding them all."""
    with atomic(path) as partial, partial.open("wb") as file:
        file.writelines(line.encode(errors="replace") + b"\n" for line in lines)


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder except hidden ones, in a stable order."""
    for root, directories, names in os.walk(folder):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def json_line(row: dict[str, Any]) -> bytes:
    """A row as one line of UTF-8; names of files that are not UTF-8 are escaped, not lost."""
    text = json.dumps(row, ensure_ascii=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return (json.dumps(row) + "\n").encode()


class Journal:
    """An append-only jsonl file; a partial last line (from a kill) is truncated on open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._truncate_partial_line()
        self._file = path.open("ab", buffering=0)

    def _truncate_partial_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            keep = end
            while keep > 0:
                start = max(0, keep - 65536)
                file.seek(start)
                newline = file.read(keep - start).rfind(b"\n")
                if newline >= 0:
                    keep = start + newline + 1
                    break
                keep = start
            if keep < end:
                file.truncate(keep)

    def append(self, *rows: dict[str, Any]) -> None:
        """Append rows in one write; they are in the file when this returns."""
        data = b"".join(map(json_line, rows))
        while data:  # a full disk may take a part, and then raises
            data = data[self._file.write(data) :]

    def sync(self) -> None:
        """Wait until every row is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self.sync()
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a jsonl file; none if it does not exist. A partial last line is skipped."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith("\n"):
                return
            try:
                row = json.loads(line)
            except ValueError:
                raise ScraperError(f"{path}, line {number}: not JSON; fix or delete it") from None
            yield row


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises ScraperError where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ScraperError(f"{folder}: found a file there or above, expected a folder") from None


@contextmanager
def folder_lock(folder: Path, read_only: bool = False, make: bool = False) -> Iterator[None]:
    """Lock a dataset folder for one command; the lock dies with its process.

    Args:
        folder: what is locked.
        read_only: the command only reads, so that a folder nobody can write to needs no lock.
        make: make the folder if there is none.

    Raises ScraperError if there is no folder, or none can be made, or another command has it.
    """
    if make:
        make_folder(folder)
    elif not folder.is_dir():
        raise ScraperError(f"found no folder {str(folder)!r}, expected a dataset")
    try:
        file = (folder / ".lock").open("w")
    except OSError:
        if not read_only:
            raise
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ScraperError(
                f"{folder}: locked by another command; wait for it to finish"
            ) from None
        yield
