"""Which device to compute on, and what several processes (ranks) of one job tell each other.

A rank that is lost ends the others: each call here raises GanColorError then.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_color.errors import GanColorError

T = TypeVar("T")
# What only the first rank does (looking at every image of a dataset) may take this long.
PATIENCE = timedelta(days=1)
_patient: dist.ProcessGroup | None = None
_alone = False  # while the first rank works and the others wait


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is this process' GPU where there is one, else the CPU.

    Raises GanColorError for a device that cannot be used here.
    """
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"  # torchrun numbers its processes
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GanColorError(f"device: {name!r} cannot be used here: {reason}") from None


def init(device: torch.device) -> None:
    """Make this process' device the current one; join the group that torchrun describes, if any."""
    global _patient
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        with _or_lost():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            group = dist.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(group, dist.ProcessGroup)  # every rank is in it
        _patient = group


def destroy() -> None:
    """Leave the process group."""
    global _patient
    if dist.is_initialized():
        dist.destroy_process_group()
        _patient = None


@contextmanager
def _or_lost() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # also torch.distributed's own errors
        reason = str(error).strip().splitlines()
        raise GanColorError(
            "distributed: another rank of this job is gone or does not reply "
            f"({reason[0] if reason else type(error).__name__}); see what it says, then go on "
            "with --resume"
        ) from None


def rank() -> int:
    """This process' number, 0 when alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes share the job; 1 within what `on_first_rank` does."""
    return dist.get_world_size() if dist.is_initialized() and not _alone else 1


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the ranks, in one transfer per dtype."""
    if world_size() == 1:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            by_dtype.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for gradients in by_dtype.values():
        flat = torch.cat([g.flatten() for g in gradients])
        with _or_lost():
            dist.all_reduce(flat)
        flat /= world_size()
        parts = flat.split([g.numel() for g in gradients])
        torch._foreach_copy_(
            gradients, [p.view_as(g) for p, g in zip(parts, gradients, strict=True)]
        )


def average_value(value: Tensor) -> Tensor:
    """The mean of a scalar over the ranks."""
    if world_size() > 1:
        value = value.detach().clone()
        with _or_lost():
            dist.all_reduce(value)
        value /= world_size()
    return value


def broadcast_bool(value: bool) -> bool:
    """The first rank's value, on every rank."""
    if world_size() > 1:
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        flag = torch.tensor(int(value), device=device)
        with _or_lost():
            dist.broadcast(flag, src=0)
        value = bool(flag)
    return value


def any_rank(value: bool) -> bool:
    """Whether the value is true on any rank. Does not wait for a GPU."""
    if world_size() > 1:
        flag = torch.tensor(int(value))
        with _or_lost():
            dist.all_reduce(flag, dist.ReduceOp.MAX, group=_patient)
        value = bool(flag)
    return value


def broadcast(module: nn.Module, buffers_only: bool = False) -> None:
    """Give every rank the first rank's parameters and buffers."""
    if world_size() == 1:
        return
    tensors = list(module.buffers())
    if not buffers_only:
        tensors += [p.data for p in module.parameters()]
    with _or_lost():
        for tensor in tensors:
            dist.broadcast(tensor, src=0)


def on_first_rank(work: Callable[[], T]) -> T:
    """What `work` returns on the first rank, on every rank; the others wait, for up to a day.

    For `work` there is one rank: what it trains or measures sends nothing to the others. A
    GanColorError of it is raised on every rank.
    """
    global _alone
    if world_size() == 1:
        return work()
    result: list[T | GanColorError | None] = [None]
    if rank() == 0:
        _alone = True
        try:
            result[0] = work()
        except GanColorError as error:
            result[0] = error
        finally:
            _alone = False
    with _or_lost():
        dist.broadcast_object_list(result, src=0, group=_patient)
    if isinstance(result[0], GanColorError):
        raise result[0]
    return result[0]  # type: ignore[return-value]


def barrier() -> None:
    """Wait for every rank, for up to a day."""
    if world_size() > 1:
        with _or_lost():
            dist.barrier(group=_patient)
