"""Does the GPU compute what the CPU does? One adversarial step from the same weights and pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu.compilation import compile_networks
from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row
from benchmarks.step import build


class Case(NamedTuple):
    """How a step is computed, and its largest relative errors (of norms) against the CPU's fp32."""

    precision: str
    ab: float
    gradients: float
    tf32: bool = True  # in convolutions: PyTorch's default
    freeze_norm: bool = True


# Two CPU algorithms differ by 3e-6 in fp32 and the CPU's bf16 by 7e-3; BatchNorm over few images
# multiplies any difference, so that two CPU algorithms differ by 4e-2 there.
CASES = {
    "fp32 without TF32": Case("fp32", 1e-4, 1e-3, tf32=False),
    "fp32 without TF32, BatchNorm learns": Case("fp32", 5e-3, 1e-1, tf32=False, freeze_norm=False),
    "fp32": Case("fp32", 5e-3, 1e-2),
    "bf16": Case("bf16", 2e-2, 4e-2),
    "fp16": Case("fp16", 5e-3, 1e-2),
}
COMPILED = ("fp32", "bf16", "fp16")
SCALE = 2.0**8  # of fp16's losses: the default overflows in first steps, which are then skipped


def measurements(settings: Settings) -> dict[str, Measurement]:
    """Every case as it is, then compiled with the network that takes least."""
    first, last = settings.presets[0], settings.presets[-1]
    found: dict[str, Measurement] = {
        f"{first}, {name}": partial(compare, settings, first, name, False) for name in CASES
    }
    for name in COMPILED:
        found[f"{last}, {name}, compiled"] = partial(compare, settings, last, name, True)
    return found


def compare(settings: Settings, preset: str, name: str, compiled: bool, _: float) -> list[Row]:
    """Relative errors of ab, gradients and losses; raises ValueError beyond the tolerances."""
    case = CASES[settings.precision(name)]
    expected = reference(settings, preset, case.freeze_norm)
    with _tf32(case.tf32):
        found = step_once(settings, preset, case, settings.place, compiled)
    norm = torch.linalg.vector_norm
    errors = {part: float(norm(found[part] - x) / norm(x)) for part, x in expected.items()}
    row: Row = {
        "CPU against GPU": f"{preset}, {name}",
        "compiled": compiled,
        **{part: float(f"{error:.2g}") for part, error in errors.items()},
        "tolerance_ab": case.ab,
        "tolerance": case.gradients,
    }
    limits = dict.fromkeys(errors, case.gradients) | {"ab": case.ab}
    wrong = [part for part, error in errors.items() if not error <= limits[part]]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} beyond tolerance: {row}")
    return [row]


@cache
def reference(settings: Settings, preset: str, freeze_norm: bool) -> dict[str, Tensor]:
    """What the CPU finds in fp32."""
    case = Case("fp32", 0, 0, freeze_norm=freeze_norm)
    return step_once(settings, preset, case, torch.device("cpu"), compiled=False)


def step_once(
    settings: Settings, preset: str, case: Case, place: torch.device, compiled: bool
) -> dict[str, Tensor]:
    """ab of an adversarial step, both networks' gradients, and the losses: flat, on the CPU."""
    kind, freeze_norm = case.precision, case.freeze_norm
    entry = settings.entry(preset, *settings.checked, kind, freeze_norm=freeze_norm)
    torch.manual_seed(0)
    built = build(entry, place)
    if compiled:
        compile_networks(built.networks, settings.rehearsal, dynamic=True)
    head: Any = built.networks.generator.head
    with torch.no_grad():  # it starts near 0, which would leave the layers below without gradients
        head.weight.copy_(0.1 * torch.randn(head.weight.shape))
    found: dict[str, Tensor] = {}
    for name, optimizer in built.optimizers.items():
        if built.precision.kind == "fp16":
            optimizer.load_state_dict({**optimizer.state_dict(), "scale": SCALE})
        optimizer.optimizer.register_step_pre_hook(partial(_keep_gradients, found, name))
    forward = built.step.forward

    def kept_forward(part: Any) -> Any:
        output, ab = forward(part)
        found["ab"] = ab.detach().float().cpu().flatten()
        return output, ab

    setattr(built.step, "forward", kept_forward)  # noqa: B010 - a method, to mypy
    losses = built.update()
    found["losses"] = torch.stack([losses[name].float().cpu() for name in sorted(losses)])
    return found


def _keep_gradients(
    found: dict[str, Tensor], name: str, optimizer: torch.optim.Optimizer, *_: object
) -> None:
    gradients = [
        p.grad.detach().float().cpu().flatten()
        for group in optimizer.param_groups
        for p in group["params"]
        if p.grad is not None
    ]
    found[f"{name}_gradients"] = torch.cat(gradients)


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
