"""What a checkpoint costs: how long training waits for it, and how long until it is on the disk."""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.baselines import Baseline
from benchmarks.harness import Row
from benchmarks.step import build, times
from gan_color.config.schema import RunConfig
from gan_color.training import checkpoint


def bench_checkpoint(entry: Baseline, device: str, repeats: int) -> list[Row]:
    """Medians of writing a contender's networks, EMA and optimizers into a temporary folder.

    `share_of_an_epoch` is that of the waiting, at the default `run.epoch_images` and the step's own
    pace with nothing else to wait for.
    """
    place = torch.device(device)
    built = build(entry, place)
    seconds = statistics.median(times(built.update, place, repeats + 1)[1:])
    optimizers = {name: optimizer.optimizer for name, optimizer in built.optimizers.items()}
    moments = checkpoint.optimizer_tensors(optimizers)
    tensors = {**built.networks.tensors(), "optimizers": moments}
    state = {"stage_index": 0, "images": 0}
    waiting, writing = [], []
    with tempfile.TemporaryDirectory() as folder:
        writer = checkpoint.AsyncCheckpointWriter()
        for _ in range(repeats):
            start = time.perf_counter()
            writer.save(Path(folder, "checkpoints", "bench"), tensors, state, 1, set())
            waiting.append(time.perf_counter() - start)
            writer.wait()
            writing.append(time.perf_counter() - start)
    stage = entry.config.stages[0]
    wait = statistics.median(waiting)
    epoch = RunConfig().epoch_images / stage.images_per_batch * seconds
    size = sum(value.nbytes for values in tensors.values() for value in values.values())
    return [
        {
            "checkpoint": entry.name,
            "mib": round(size / 2**20),
            "seconds_training_waits": round(wait, 4),
            "seconds_until_on_disk": round(statistics.median(writing), 4),
            "size": stage.size,
            "batch_size": stage.images_per_batch,
            "share_of_an_epoch": round(wait / (epoch + wait), 5),
        }
    ]
