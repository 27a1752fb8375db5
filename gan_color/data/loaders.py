"""Loaders: an epoch is a number of images, drawn from (seed, stage, epoch) alone."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from gan_color.config.data import DataConfig, FolderConfig
from gan_color.data.dataset import CropDataset, Item
from gan_color.data.index import ImageFile
from gan_color.errors import GanColorError


def draw_probabilities(
    files: list[ImageFile], data: DataConfig, folders: tuple[FolderConfig, ...]
) -> NDArray[np.float64]:
    """How likely each file is drawn; sums to 1.

    `data.balance` b in 0..1 raises small groups: a group of n files gets a share proportional to
    n ** (1 - b), so 0 keeps the files equal and 1 makes the groups equal. `data.source_weights`
    multiplies the draws of the sources it names; folder weights, where given, then set each
    folder's share of all draws. Raises GanColorError for a source that no file has.
    """
    groups: list[object]
    if data.balance_by == "class":
        groups = [file.label for file in files]
    else:
        groups = [(file.folder, file.source) for file in files]
    counts = Counter(groups)
    p = np.array([counts[group] ** -data.balance for group in groups])
    unknown = set(data.source_weights) - {file.source for file in files}
    if unknown:
        raise GanColorError(
            f"data.source_weights: found {', '.join(sorted(unknown))}, expected sources of the "
            f"data: {', '.join(sorted({file.source for file in files}))}"
        )
    p *= np.array([data.source_weights.get(file.source, 1.0) for file in files])
    weights = [folder.weight for folder in folders]
    if any(weight is not None for weight in weights):
        given = np.array([1.0 if weight is None else weight for weight in weights])
        folder_of = np.array([file.folder for file in files])
        totals = np.bincount(folder_of, weights=p, minlength=len(folders))
        p *= (given / np.where(totals > 0, totals, 1.0))[folder_of]
    if not p.sum() > 0:
        raise GanColorError("data: every weight is 0, expected one above 0")
    normalized: NDArray[np.float64] = p / p.sum()
    return normalized


GRACE = 10.0  # seconds that a worker goes on after SIGTERM


class KeySampler(Sampler[list[tuple[int, int]]]):
    """Batches of keys (index, seed) for one rank; call `set_epoch` before each epoch.

    Systematic draws: each file comes floor or ceil of its expected number of times, so that equal
    probabilities mean no file twice before every file once.
    """

    def __init__(
        self,
        probabilities: NDArray[np.float64],
        batches: int,
        batch: int,
        seed: tuple[int, ...],
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if batch % ranks:
            raise GanColorError(
                f"batch_size: found {batch}, expected a multiple of the {ranks} ranks"
            )
        self.probabilities, self.batches, self.batch = probabilities, batches, batch
        self.seed, self.rank, self.ranks = seed, rank, ranks
        self.epoch, self.skip = 0, 0

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """Choose which epoch the next iteration draws, and how many of its batches are done."""
        self.epoch, self.skip = epoch, skip

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = np.random.default_rng([*self.seed, self.epoch])
        count = self.batches * self.batch
        # The order is shuffled first: else the same neighbors would share a draw every epoch.
        order = generator.permutation(len(self.probabilities))
        edges = np.cumsum(self.probabilities[order])
        points = (np.arange(count) + generator.random()) / count * edges[-1]
        drawn = order[np.searchsorted(edges, points, side="right").clip(max=len(order) - 1)]
        drawn = generator.permutation(drawn)
        seeds = generator.integers(2**31, size=count)
        share = self.batch // self.ranks
        for i in range(self.skip, self.batches):
            start = i * self.batch + self.rank * share
            yield [(int(drawn[k]), int(seeds[k])) for k in range(start, start + share)]


def _end_later(number: int, frame: FrameType | None) -> None:
    ending = threading.Timer(GRACE, os._exit, (0,))
    ending.daemon = True
    ending.start()


def _start_worker(_: int) -> None:
    # Ctrl-C and Slurm's SIGTERM reach all processes. The main one saves a checkpoint then, after
    # the batch that it is in; a worker that were gone by then would break it off.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_later)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def training_loader(
    dataset: CropDataset, sampler: KeySampler, workers: int, pin_memory: bool
) -> DataLoader[Item]:
    """The loader of one stage: uint8 crops and labels, in the sampler's order."""
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
    )


def end_workers(loader: DataLoader[Item]) -> None:
    """End a loader's workers now. Left to the garbage collector, which finds the loader in a circle
    (fastai's learner), they would miss the word that they are to end.
    """
    iterator: Any = loader._iterator
    if iterator is not None and loader.num_workers:
        iterator._shutdown_workers()
