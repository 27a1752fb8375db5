"""What a training step costs, counted: no timer, and the same on every machine.

counters.json holds the figures; a commit that makes a step dearer, or cheaper, must say so by
writing them anew.
"""

import json
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.baselines import baselines
from benchmarks.step import Built, build, count_gflop, random_batch
from gan_color.atomic import write_text
from gan_color.config.data import DataConfig
from gan_color.config.stages import AugmentConfig
from gan_color.data.dataset import CropDataset
from gan_color.data.index import ScanCache, scan
from gan_color.data.loaders import KeySampler, draw_probabilities, training_loader
from gan_color.errors import GanColorError
from gan_color.training.memory.planner import MIB, LiveBytes

STORED = Path(__file__).with_name("counters.json")
TOLERANCE = 0.03  # of a figure: PyTorch's versions differ a little
PRESETS = ("small", "base")
SIZE, BATCH = 64, 4  # real numbers are computed, in seconds
Counters = dict[str, float]


def count() -> Counters:
    """Every counter by name, for our adversarial step and the loader."""
    found: Counters = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small layers: more would wait for each other
    try:
        for preset in PRESETS:
            found |= {f"{preset}: {name}": value for name, value in _of_step(preset).items()}
    finally:
        torch.set_num_threads(threads)
    return found | {f"loader: files opened by a batch of {BATCH}": float(_files_opened())}


def differences(found: Counters, stored: Counters) -> list[str]:
    """What is not as stored, within the tolerance: a line each."""
    lines = [f"{name}: no longer counted" for name in stored if name not in found]
    for name, value in found.items():
        if name not in stored:
            lines.append(f"{name}: found {value:g}, not stored yet")
        elif abs(value - stored[name]) > TOLERANCE * stored[name]:
            change = 100 * (value / stored[name] - 1)
            lines.append(f"{name}: found {value:g}, stored {stored[name]:g} ({change:+.1f}%)")
    return lines


def load() -> Counters:
    """The stored figures."""
    found: Counters = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def run(write: bool) -> str:
    """Count, and write or compare; raises GanColorError where figures differ."""
    found = count()
    if write:
        write_text(STORED, json.dumps(found, indent=1) + "\n")
    elif wrong := differences(found, load()):
        raise GanColorError(
            f"counters: {'; '.join(wrong)}; expected within {100 * TOLERANCE:g}%: find the reason, "
            "or write them anew with --write where the change is meant"
        )
    return "\n".join(f"{name}: {value:g}" for name, value in found.items())


def _of_step(preset: str) -> Counters:
    place = torch.device("cpu")
    # Not bf16, which CPUs without units for it emulate, a hundred times slower.
    (entry,) = baselines(preset, 64, SIZE, BATCH, "fp32", ())
    with LiveBytes() as bytes_:
        built = build(entry, place)
        built.update()  # from here on the optimizers have their state
        bytes_.peak = bytes_.live
        built.update()
        peak = bytes_.peak
        few, many = (_kept(built, bytes_, images) for images in (2, BATCH))
    return {
        f"GFLOP of a step of {BATCH} at {SIZE} px": round(count_gflop(built.update), 3),
        f"activation MiB of an image at {SIZE} px": round((many - few) / (BATCH - 2) / MIB, 3),
        f"peak MiB of tensors in a step of {BATCH}": round(peak / MIB, 1),
    }


def _kept(built: Built, bytes_: LiveBytes, images: int) -> int:
    """Bytes that wait for the generator's backward pass."""
    step = built.step
    batch = random_batch(images, SIZE, torch.device("cpu"), channels_last=True)
    before = bytes_.live
    _, real = step.discriminator_step.backward_discriminator(batch.L, batch.ab, True, 1)
    output, ab = step.forward(batch)
    losses = step.generator_losses(batch, output, ab, real)
    kept = bytes_.live - before
    step.backward_generator(losses["total"])
    step.undo()  # so that the discriminators' gradients count each time
    return kept


_opened: list[Any] | None = None  # paths, while they are counted


@cache
def _start_listening() -> None:
    """Once and for good: Python lets no audit hook go."""
    sys.addaudithook(_listen)


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(arguments[0])


def _files_opened() -> int:
    """How often a batch opens files of the data set."""
    global _opened
    _start_listening()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noise = np.random.default_rng(0)
        for i in range(2 * BATCH):
            pixels = noise.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.jpg")
        data = DataConfig(folders=(folder,))
        files = scan(data.folders, data, ScanCache(None)).files
        sampler = KeySampler(draw_probabilities(files, data, data.folders), 2, BATCH, (0,))
        batches = iter(
            training_loader(CropDataset(files, SIZE, AugmentConfig()), sampler, 0, False)
        )
        next(batches)  # what is read once belongs to none
        _opened = []
        try:
            next(batches)
            return sum(str(path).startswith(name) for path in _opened)
        finally:
            _opened = None
