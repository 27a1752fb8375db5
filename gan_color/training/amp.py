"""Mixed precision on any device: fp32, bf16, or fp16 with a gradient scaler.

A scaler belongs to one optimizer: with a shared one, an overflow in the discriminators' gradients
would also skip the generator's step.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gan_color import distributed
from gan_color.errors import GanColorError

Kind = Literal["fp32", "bf16", "fp16"]
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def cpu_has_bf16_units(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """True where the processor multiplies bfloat16 in hardware (AVX-512 BF16, AMX, ARM BF16)."""
    try:
        words = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def resolve_precision(kind: str, device: torch.device) -> Kind:
    """Resolve "auto": bf16 where the hardware multiplies it, else fp16 on CUDA, else fp32.

    fp16 off CUDA raises GanColorError: no processor here is faster with it.
    """
    if kind == "auto":
        if device.type == "cuda":
            # Turing and Volta emulate bf16; their matrix units know fp16 only.
            return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
        return "bf16" if device.type == "cpu" and cpu_has_bf16_units() else "fp32"
    if kind == "fp16" and device.type != "cuda":
        raise GanColorError(
            f"run.precision: found fp16 on {device.type}, expected fp32 or bf16 there"
        )
    assert kind in ("fp32", "bf16", "fp16")
    return kind  # type: ignore[return-value]


class Precision:
    """Autocast for a step, and the scalers of its optimizers."""

    def __init__(self, kind: Kind, device: torch.device) -> None:
        self.kind, self.device = kind, device

    def autocast(self) -> AbstractContextManager[object]:
        """Forward passes run under this; losses and Lab stay in float32 by themselves."""
        dtype = _DTYPES.get(self.kind, torch.float32)
        return torch.autocast(self.device.type, dtype=dtype, enabled=self.kind != "fp32")

    def new_scaler(self) -> torch.amp.GradScaler:
        """A scaler for one optimizer; it does nothing unless the precision is fp16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.kind == "fp16")


class AmpOptimizer:
    """A network's optimizer with its gradient scaler, clipping, and averaging over ranks."""

    def __init__(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, precision: Precision, clip: float
    ) -> None:
        self.module, self.optimizer, self.clip = module, optimizer, clip
        self.scaler = precision.new_scaler()

    def backward(self, loss: Tensor) -> None:
        """Add the loss' gradients to the network's."""
        self.scaler.scale(loss).backward()

    def step(self) -> Tensor:
        """Apply and clear the gradients; returns their norm before clipping."""
        parameters = [p for p in self.module.parameters() if p.grad is not None]
        distributed.average_gradients(parameters)
        self.scaler.unscale_(self.optimizer)
        limit = self.clip or float("inf")
        norm = nn.utils.clip_grad_norm_(parameters, limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.zero_grad()
        return norm.detach()

    def zero_grad(self) -> None:
        """Clear the gradients without applying them."""
        self.module.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """The scaler's state, JSON-able."""
        return dict(self.scaler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state` gave."""
        if state:
            self.scaler.load_state_dict(state)
