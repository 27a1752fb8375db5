"""Runs in processes of their own: killed at chosen moments, or several on one job."""

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gan_color import distributed
from gan_color.config.schema import parse
from gan_color.training import checkpoint, trainer
from gan_color.training.callbacks.stop import TrainingInterrupted
from gan_color.training.loggers.csv_log import CsvLog
from tests.helpers import wandb_file

ENDED_WHEN_ASKED = 77  # exit code of a run that saved and ended after SIGTERM


def _train_until(mapping: dict, resume: bool, die: tuple[str, int] | None) -> None:
    """In a child process: train, and die by SIGKILL at an image count, inside the n-th fsync, or
    once W&B's file holds an image count ("reported"); or be asked to end ("asked") by SIGTERM at an
    image count.
    """
    torch.set_num_threads(1)
    # A service that an earlier test started would take the killed run for one that goes on.
    os.environ.pop("WANDB_SERVICE", None)
    # As in a process of one's own: else the loader's workers would be started from a new server.
    multiprocessing.set_start_method("fork", force=True)

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if die is not None:
        where, number = die
        if where == "asked":
            advance = trainer.TrainingState.advance

            def advance_and_ask(self: trainer.TrainingState, images: int) -> None:
                advance(self, images)
                if self.total_images == number:
                    os.kill(os.getpid(), signal.SIGTERM)

            trainer.TrainingState.advance = advance_and_ask
        elif where in ("images", "reported"):
            original = trainer.TrainingState.log
            os.environ["WANDB__TRANSACTION_LOG_FLUSH_INTERVAL"] = "0.05"  # seconds; else 15

            def log(self: trainer.TrainingState, values: dict[str, float]) -> None:
                original(self, values)
                if self.total_images >= number:
                    if where == "reported":
                        _wait_until_reported(self.folder, self.total_images)
                    kill()

            trainer.TrainingState.log = log
            # Checkpoints are written beside the training: the one before must be there by then.
            save = checkpoint.AsyncCheckpointWriter.save

            def save_and_wait(self: checkpoint.AsyncCheckpointWriter, *arguments: Any) -> None:
                save(self, *arguments)
                self.wait()

            checkpoint.AsyncCheckpointWriter.save = save_and_wait
        else:
            calls = iter(range(number))

            def sync(path: Path) -> None:
                if next(calls, None) is None:
                    kill()

            checkpoint.sync = sync
    try:
        trainer.train(parse(mapping), resume=resume)
    except TrainingInterrupted:
        sys.exit(ENDED_WHEN_ASKED)


def _wait_until_reported(folder: Path, images: int) -> None:
    for _ in range(600):
        found = wandb_file.read(wandb_file.files(folder)[-1], ended=False)
        if any(row["images"] == images for row in wandb_file.history(found)):
            return
        time.sleep(0.1)
    os._exit(1)  # the test says that it is not a kill


def in_child(mapping: dict, resume: bool = False, die: tuple[str, int] | None = None) -> int:
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_train_until, args=(mapping, resume, die))
    process.start()
    process.join(300)
    assert process.exitcode is not None, "the child hangs"
    return process.exitcode


def contents(folder: Path) -> dict[str, bytes]:
    """Every tensor file of a finished run, and its log without the speed."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.safetensors")}
    rows = CsvLog(folder / "log.csv").rows()
    for row in rows:
        row.pop("images_per_second")
    return found | {"log": json.dumps(rows).encode()}


def _rank(job: Callable[..., None], rank: int, port: int, arguments: tuple[object, ...]) -> None:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "WORLD_SIZE": "2",
    }
    torch.set_num_threads(1)
    distributed.init(torch.device("cpu"))
    job(rank, *arguments)
    distributed.destroy()


def exit_codes_of_two_ranks(job: Callable[..., None], *arguments: object) -> list[int | None]:
    """Run `job(rank, *arguments)` in two gloo processes as torchrun would start them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    ranks = [context.Process(target=_rank, args=(job, i, port, arguments)) for i in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(300)
    return [process.exitcode for process in ranks]


def in_two_ranks(job: Callable[..., None], *arguments: object) -> None:
    """The same, for a job that both ranks finish."""
    assert exit_codes_of_two_ranks(job, *arguments) == [0, 0]
