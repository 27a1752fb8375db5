"""What the figures are taken on, and how fast it multiplies matrices."""

from functools import partial
from importlib.metadata import version

import torch

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row, machine
from benchmarks.step import DTYPES, matrix_rate
from gan_color.errors import GanColorError

PACKAGES = ("gan-color", "torchvision", "timm", "fastai", "albumentations", "safetensors")


def identify(device: str) -> Row:
    """Device, memory and versions; GanColorError where torch finds no GPU."""
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise GanColorError(
            f"benchmarks gpu: found no GPU that torch {torch.__version__} can use, expected one; "
            "--rehearse runs all of it on the CPU at toy sizes"
        )
    row = machine(place) | {name: version(name) for name in PACKAGES}
    if place.type == "cuda":
        found = torch.cuda.get_device_properties(place)
        row |= {
            "memory_mib": found.total_memory // 2**20,
            "capability": f"{found.major}.{found.minor}",
            "multiprocessors": found.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return row


def measurements(settings: Settings) -> dict[str, Measurement]:
    """The rate of one large matrix product in each precision."""
    kinds = ("fp32", "bf16") if settings.rehearsal else ("fp32", "tf32", "bf16", "fp16")
    return {f"matrix product, {kind}": partial(_rate, settings, kind) for kind in kinds}


def _rate(settings: Settings, kind: str, _: float) -> list[Row]:
    torch.set_float32_matmul_precision("high" if kind == "tf32" else "highest")
    rate = matrix_rate(settings.place, DTYPES[settings.precision(kind).replace("tf32", "fp32")])
    return [{"matrix product": kind, "tflops": round(rate / 1000, 2)}]
