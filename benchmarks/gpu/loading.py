"""Does the GPU wait for images? The loader, the step, and both together."""

import itertools
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row
from benchmarks.step import build, wait
from gan_color.config.data import DataConfig
from gan_color.config.stages import AugmentConfig
from gan_color.data.dataset import CropDataset, Item
from gan_color.data.index import ScanCache, scan
from gan_color.data.loaders import KeySampler, draw_probabilities, training_loader
from gan_color.data.samples import photographs
from gan_color.models.base import Batch

PHOTO = (500, 375)  # as data sets on the web have them
COPIES = 8  # of each photograph, with a noise of its own


def measurements(settings: Settings) -> dict[str, Measurement]:
    """The default's workers, then as many as there are cores."""
    counts = (1,) if settings.rehearsal else (2, 8, os.cpu_count() or 8)
    sizes = settings.batches[:2]
    return {
        f"{size} px, {workers} workers": partial(measure, settings, size, batch, workers)
        for size, batch in sizes
        for workers in dict.fromkeys(counts)
    }


def photos(folder: Path) -> Path:
    """A folder of JPEGs, enlarged or shrunk from photographs that packages carry."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    for name, path in photographs().items():
        image = Image.open(path).convert("RGB").resize(PHOTO, Image.Resampling.LANCZOS)
        for i in range(COPIES):
            pixels = np.asarray(image) + noise.integers(-3, 4, (PHOTO[1], PHOTO[0], 1))
            made = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            made.save(folder / f"{name}_{i}.jpg", quality=92)
    return folder


def measure(settings: Settings, size: int, batch: int, workers: int, _: float) -> list[Row]:
    """Images a second of the loader, of the step, and of training; `gpu_idle` of that time."""
    folder = settings.data or photos(settings.folder / "photos")
    loader = _loader(folder, size, batch, workers, settings)
    place = settings.place
    built = build(settings.entry(settings.presets[0], size, batch, "auto"), place)
    endless = _again_and_again(loader)
    for _ in range(2):  # kernels are chosen, workers started
        _train(built.step, next(endless), place)
    count = 2 * settings.repeats
    wait(place)
    clock = [time.perf_counter()]
    for _ in range(count):
        items = next(endless)
    clock.append(time.perf_counter())
    for _ in range(count):
        _train(built.step, items, place)
    wait(place)
    clock.append(time.perf_counter())
    for _ in range(count):
        _train(built.step, next(endless), place)
    wait(place)
    clock.append(time.perf_counter())
    alone, step, together = (b - a for a, b in itertools.pairwise(clock))
    return [
        {
            "loader": folder.name,
            "size": size,
            "batch_size": batch,
            "workers": workers,
            "loader_images_per_second": round(count * batch / alone, 1),
            "step_images_per_second": round(count * batch / step, 1),
            "images_per_second": round(count * batch / together, 1),
            "gpu_idle": round(max(0.0, 1 - step / together), 3),
        }
    ]


def _loader(
    folder: Path, size: int, batch: int, workers: int, settings: Settings
) -> DataLoader[Item]:
    data = DataConfig(folders=(folder,))
    files = scan(data.folders, data, ScanCache(None)).files
    sampler = KeySampler(draw_probabilities(files, data, data.folders), 100, batch, (0,))
    dataset = CropDataset(files, size, AugmentConfig())
    return training_loader(dataset, sampler, workers, pin_memory=settings.place.type == "cuda")


def _again_and_again(loader: DataLoader[Item]) -> Iterator[Item]:
    while True:
        yield from loader


def _train(step: object, items: Item, place: torch.device) -> None:
    assert callable(step)
    crops, labels = (item.to(place, non_blocking=True) for item in items[:2])
    step(Batch.from_rgb8(crops, labels, channels_last=True))
