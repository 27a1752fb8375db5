"""What a loader yields: ours, and the dataset that colorization tutorials use."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness import Row
from gan_color.config.data import DataConfig
from gan_color.config.stages import AugmentConfig
from gan_color.data.dataset import CropDataset
from gan_color.data.index import ScanCache, scan


def bench_loader(folder: Path, sizes: list[int], images: int = 200, repeats: int = 3) -> list[Row]:
    """Crops a second of processor time, one thread: what one core of a worker yields.

    `times_plain`: over the plain dataset's. Both draw the same files, in turns.
    """
    data = DataConfig(folders=(folder,))
    files = scan(data.folders, data, ScanCache(None)).files
    generator = np.random.default_rng(0)
    keys = [(int(i), int(i)) for i in generator.integers(len(files), size=images)]
    rows = []
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        for size in sizes:
            dataset = CropDataset(files, size, AugmentConfig())
            ways: dict[str, Callable[[tuple[int, int]], object]] = {
                "PIL, skimage.color.rgb2lab": lambda key, size=size: plain(  # type: ignore[misc]
                    files[key[0]].path, size, key[1]
                ),
                "ours": dataset.__getitem__,
            }
            rates = _rates(ways, keys, repeats)
            rows += [
                {
                    "loader": name,
                    "folder": folder.name,
                    "size": size,
                    "images": images,
                    "images_per_second_per_core": round(rate, 1),
                    "times_plain": round(rate / next(iter(rates.values())), 2),
                }
                for name, rate in rates.items()
            ]
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)
    return rows


def plain(path: Path, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """L and ab of an image squeezed to a square, flipped or not: the tutorials' dataset."""
    from skimage.color import rgb2lab

    image = Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    if np.random.default_rng(seed).random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    lab = torch.from_numpy(rgb2lab(np.asarray(image)).astype("float32")).permute(2, 0, 1)
    return lab[:1] / 50 - 1, lab[1:] / 110


def _rates(
    ways: dict[str, Callable[[tuple[int, int]], object]], keys: list[tuple[int, int]], repeats: int
) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(keys[0])  # imports, tables
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.process_time()
            for key in keys:
                way(key)
            seconds[name].append(time.process_time() - start)
    return {name: len(keys) / statistics.median(values) for name, values in seconds.items()}
