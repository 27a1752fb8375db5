"""Which device to compute on."""

import os

import torch

from gan_color.errors import GanColorError


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
