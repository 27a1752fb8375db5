"""Photos inside WebDataset tars, as img2dataset and `python -m scrapers pack` write them.

A photo in a tar is named by the path `shards/00000.tar/000010005.jpg`. Nothing is unpacked: its
bytes are read from where they lie.
"""

import stat
import tarfile
from functools import lru_cache
from pathlib import Path

from gan_color.errors import GanColorError


def tar_of(path: Path) -> Path | None:
    """The tar that a path leads into; None for an ordinary file."""
    if ".tar/" not in path.as_posix():
        return None
    return next((p for p in path.parents if p.suffix == ".tar" and p.is_file()), None)


@lru_cache(maxsize=256)
def _places(tar: str, size: int, modified: int) -> dict[str, tuple[int, int]]:
    """Offset and length of every file in a tar; its size and time are what makes it the same."""
    try:
        with tarfile.open(tar, "r:") as file:
            return {m.name: (m.offset_data, m.size) for m in file if m.isreg()}
    except (tarfile.TarError, OSError) as error:
        raise GanColorError(f"data: cannot read the tar {tar!r}: {error}") from None


def _index(tar: Path) -> dict[str, tuple[int, int]]:
    status = tar.stat()
    return _places(str(tar), status.st_size, status.st_mtime_ns)


def members(tar: Path) -> list[Path]:
    """The paths of a tar's files. Raises GanColorError for a tar that cannot be read."""
    return [tar / name for name in _index(tar)]


def stamp(path: Path) -> tuple[int, int]:
    """Size and modification time (ns) of a file, or of the tar it is in: other ones mean other
    bytes. (0, 0) where there is none, as behind a dead link.
    """
    try:
        status = (tar_of(path) or path).stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def require_file(path: Path) -> None:
    """Raises OSError, in a sentence, for what cannot be read to its end: a dead link, a pipe."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        dead = path.is_symlink()
        raise FileNotFoundError("a link to no file" if dead else "no such file") from None
    if not stat.S_ISREG(mode):
        raise OSError("a folder, a pipe or a device, expected a file")


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, in a tar or not. Raises OSError."""
    tar = tar_of(path)
    if tar is None:
        require_file(path)
        return path.read_bytes()
    try:
        offset, size = _index(tar)[path.relative_to(tar).as_posix()]
    except KeyError:
        raise FileNotFoundError(f"{path.name} is not in {tar}") from None
    with tar.open("rb") as file:
        file.seek(offset)
        return file.read(size)
