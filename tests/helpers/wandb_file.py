"""Reading back the local file of a Weights & Biases run, without the package's own reader."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_BLOCK, _HEADER = 32768, 7  # LevelDB's log format; the file begins with a header of 7 bytes too


def files(folder: Path) -> list[Path]:
    """W&B's files in a run's folder, one for each time that it was started, in order."""
    return sorted((folder / "wandb").glob("offline-run-*/*.wandb"))


def records(folder: Path) -> list[wandb_internal_pb2.Record]:
    """Every record of the one finished offline run that a run's folder holds."""
    (path,) = files(folder)
    return read(path)


def read(path: Path, ended: bool = True) -> list[wandb_internal_pb2.Record]:
    """Every record of one file; of a run that was killed (`ended` is false), all that it got.

    W&B's service closes the file after `finish` has returned: a reader that is quicker finds it
    empty, so this one waits for the record of the end.
    """
    for _ in range(600):
        found = list(_records(path))
        if not ended or (found and found[-1].HasField("exit")):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path}: found no end of the run after a minute: {len(found)} records")


def history(found: list[wandb_internal_pb2.Record]) -> list[dict[str, Any]]:
    """What was logged, row by row: {"images": 12, "gan/psnr": 20.1, ...}."""
    rows = []
    for record in found:
        items = {".".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
        if items:
            rows.append(items)
    return rows


def summary(found: list[wandb_internal_pb2.Record]) -> dict[str, Any]:
    """The summary in the end: the values of the last update of each key."""
    updates = [update for record in found for update in record.summary.update]
    return {".".join(u.nested_key) or u.key: json.loads(u.value_json) for u in updates}


def _records(path: Path) -> Iterator[wandb_internal_pb2.Record]:
    data, place, whole = path.read_bytes(), _HEADER, b""
    while place + _HEADER <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:  # padding at the end of a block
            place += left
            continue
        size = int.from_bytes(data[place + 4 : place + 6], "little")
        if place + _HEADER + size > len(data):
            return  # still being written
        kind = data[place + 6]  # 1: full, 2: first, 3: middle, 4: last
        whole += data[place + _HEADER : place + _HEADER + size]
        place += _HEADER + size
        if kind in (1, 4):
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""
