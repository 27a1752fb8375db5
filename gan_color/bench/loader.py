"""What a loader yields."""

import statistics
import time
from pathlib import Path

import numpy as np
import torch

from gan_color.bench import Row
from gan_color.config import DataConfig
from gan_color.config_stages import AugmentConfig
from gan_color.data.dataset import CropDataset, scan
from gan_color.data.images import ScanCache


def bench_loader(folder: Path, size: int, images: int = 200, repeats: int = 3) -> Row:
    """Crops per second of processor time: what one core of a worker yields. One thread."""
    data = DataConfig(folders=(folder,))
    files = scan(data.folders, data, ScanCache(None)).files
    dataset = CropDataset(files, size, AugmentConfig())
    generator = np.random.default_rng(0)
    keys = [(int(i), int(i)) for i in generator.integers(len(files), size=images)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        for key in keys:
            dataset[key]
        seconds.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return {
        "folder": str(folder),
        "size": size,
        "images": images,
        "images_per_second_per_core": round(images / statistics.median(seconds), 1),
    }
