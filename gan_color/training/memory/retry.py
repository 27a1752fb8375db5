"""An update that does not fit the memory is made in smaller parts."""

import torch

from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.losses.auxiliary import Losses
from gan_color.models.base import Batch
from gan_color.training.memory.moving_buffers import uses_batch_statistics
from gan_color.training.steps import Step


def run_step(step: Step, batch: Batch) -> Losses:
    """One update, in twice as many parts each time the memory does not suffice.

    Raises GanColorError where the parts cannot be halved any more.
    """
    while True:
        try:
            return step(batch)
        except torch.OutOfMemoryError:
            parts = 2 * step.grad_accum_steps
            if len(batch) % parts:
                raise GanColorError(
                    f"training: out of memory with a batch of {len(batch)} in {parts // 2} parts, "
                    "which do not halve; set run.activation_checkpointing, or a smaller batch or "
                    "size (gan-color plan says what fits)"
                ) from None
        # Outside the except clause, whose traceback holds the tensors of the failed step.
        step.undo()
        step.grad_accum_steps = parts
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        console.print(
            f"out of memory: from here on each batch of {len(batch)} is computed in {parts} "
            f"parts; {_difference(step, len(batch) // parts)}"
        )


def _difference(step: Step, part: int) -> str:
    if not any(uses_batch_statistics(network) for network in step.networks):
        return "the update is still that of the whole batch"
    return (
        f"BatchNorm now sees {part} images at a time, so that the update is not that of the whole "
        "batch: freeze_norm in the stage, or a model without BatchNorm, would make it so"
    )
