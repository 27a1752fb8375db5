"""Reading back the local file of a Weights & Biases run, without the package's own reader."""

from collections.abc import Iterator
from pathlib import Path

from wandb.proto import wandb_internal_pb2

_BLOCK, _HEADER = 32768, 7  # LevelDB's log format; the file begins with a header of 7 bytes too


def records(folder: Path) -> Iterator[wandb_internal_pb2.Record]:
    """Every record of the one offline run that a run's folder holds."""
    (path,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    data, place, whole = path.read_bytes(), _HEADER, b""
    while place + _HEADER <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:  # padding at the end of a block
            place += left
            continue
        size = int.from_bytes(data[place + 4 : place + 6], "little")
        kind = data[place + 6]  # 1: full, 2: first, 3: middle, 4: last
        whole += data[place + _HEADER : place + _HEADER + size]
        place += _HEADER + size
        if kind in (1, 4):
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""
