"""Measurements in a process that can be killed, together with every process it started."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row

# What every measurement imports, once: its process is forked from one that has it, but no CUDA.
PRELOAD = ["gan_color.training.trainer", "benchmarks.gpu.parts"]
Measurements = Callable[[Settings], dict[str, Measurement]]


class Outcome(NamedTuple):
    """Of a measurement: done with its rows, or failed, killed or out of time, and why."""

    key: str
    state: str
    rows: list[Row]
    reason: str = ""


def measure(
    measurements: Measurements, settings: Settings, keys: list[str], each: float, end: float
) -> Iterator[Outcome]:
    """Outcomes of the measurements named, until one goes wrong, by time.monotonic's `end`.

    A measurement that takes longer than `each` seconds is killed. After one that went wrong the
    process is not to be trusted (CUDA keeps its errors): call again for the rest.
    """
    with _process(measurements, settings, keys, each, end) as (process, connection):
        for key in keys:
            limit = min(time.monotonic() + each, end)
            outcome = _receive(connection, key, limit)
            if outcome is None and limit == end:
                outcome = Outcome(key, "out of time", [])
            elif outcome is None:
                outcome = Outcome(key, "killed", [], f"not there after {each:g} s")
            elif outcome.state == "died":
                process.join(10)
                outcome = Outcome(key, "killed", [], f"its process ended with {process.exitcode}")
            yield outcome
            if outcome.state != "done":
                return


def _receive(connection: Connection, key: str, limit: float) -> Outcome | None:
    if not connection.poll(max(0.0, limit - time.monotonic())):
        return None
    try:
        return Outcome(*connection.recv())
    except (EOFError, OSError):
        return Outcome(key, "died", [])


@contextmanager
def _process(
    measurements: Measurements, settings: Settings, keys: list[str], each: float, end: float
) -> Iterator[tuple[multiprocessing.process.BaseProcess, Connection]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, measurements, settings, keys, each, end)
    process = context.Process(target=_work, args=arguments)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # where it had no group yet
        process.join()
        ours.close()


def _work(
    connection: Connection,
    measurements: Measurements,
    settings: Settings,
    keys: list[str],
    each: float,
    end: float,
) -> None:
    os.setpgid(0, 0)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # As in a process of one's own: else a loader's workers would come from a new server.
    multiprocessing.set_start_method("fork", force=True)
    if settings.rehearsal:  # toys are done sooner by one thread than by two that wait in turns
        torch.set_num_threads(1)
    named = measurements(settings)
    for key in keys:
        try:
            rows = named[key](min(each, end - time.monotonic()))
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:600]
            connection.send((key, "failed", [], reason))
            return
        connection.send((key, "done", rows))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.killpg(0, signal.SIGKILL)
