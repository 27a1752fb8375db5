"""At which sizes the parts measure: a GPU's, or toys for a rehearsal on the CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.baselines import Baseline, baselines
from benchmarks.harness import Row
from gan_color.config.schema import parse
from gan_color.training.amp import cpu_has_bf16_units

# What measures: given the seconds it has, it returns its rows. A row that says `finished: False`
# is gone on with when the kit is started again.
Measurement = Callable[[float], list[Row]]

# Few operations: a rehearsal asks whether all of it runs.
TOY_MODEL = {"encoder": "resnet10t", "decoder_channels": [32, 16, 16, 8, 8], "norm": "batch"}
TOY_DISCRIMINATOR = {"num_discriminators": 1, "num_layers": 2}


@dataclass(frozen=True)
class Settings:
    """What every part is told."""

    folder: Path  # of gpu.json, absolute
    recipe: Path  # of the training that takes the minutes left
    data: Path | None = None  # photographs for loader and training; none: samples, the recipe's own
    overrides: tuple[str, ...] = ()  # KEY=VALUE of the recipe
    rehearsal: bool = False
    patience: float = 1.0  # multiplies the seconds after which a measurement is killed
    device: str = "cuda"
    presets: tuple[str, ...] = ("base", "small")  # the first is trained; the last compiles soonest
    width: int = 64  # of the discriminators' first layer
    batches: tuple[tuple[int, int], ...] = ((128, 64), (256, 32), (512, 8))  # (pixels, images)
    checked: tuple[int, int] = (128, 4)  # the same, for CPU against GPU
    short: tuple[int, int] = (128, 8)  # the same, for a step that launching kernels may bound
    repeats: int = 10
    card: int = 16 * 2**30  # bytes of the card that a larger one stands for
    learning_images: int = 12_000  # of the short training's first stage

    @property
    def place(self) -> torch.device:
        """The device that is measured."""
        return torch.device(self.device)

    def precision(self, kind: str) -> str:
        """`kind`, or what stands for it: no CPU trains in fp16, and one without units for bf16
        emulates it a hundred times slower.
        """
        if not self.rehearsal or kind == "fp32":
            return kind
        return "bf16" if cpu_has_bf16_units() else "fp32"

    def entry(self, preset: str, size: int, batch: int, kind: str, **stage: object) -> Baseline:
        """Our adversarial step on random weights at `size` pixels; `stage` changes its options."""
        found = baselines(preset, self.width, size, batch, self.precision(kind), ())[0]
        mapping = found.config.model_dump(mode="json")
        if self.rehearsal:
            mapping["model"] |= TOY_MODEL
            mapping["discriminator"] |= TOY_DISCRIMINATOR
        mapping["stages"][0] |= stage
        return found._replace(config=parse(mapping))


def rehearsal(
    folder: Path, recipe: Path, data: Path | None, overrides: tuple[str, ...]
) -> Settings:
    """The same parts on the CPU at toy sizes: no figure of it says anything of a GPU."""
    return Settings(
        folder,
        recipe,
        data,
        overrides,
        rehearsal=True,
        patience=10.0,  # on a machine that others use it can take long, and means nothing
        device="cpu",
        presets=("small",),
        width=8,
        batches=((32, 4),),
        checked=(32, 2),
        short=(32, 2),
        repeats=1,
        card=2**30,
        learning_images=160,
    )
