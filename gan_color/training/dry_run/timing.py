"""How long a stage's updates take on this device, measured."""

import time
from typing import NamedTuple

import torch

from gan_color.config.stages import DiscriminatorStage, Stage
from gan_color.models.base import Batch
from gan_color.training.dry_run.networks import Rehearsal
from gan_color.training.memory.retry import run_step
from gan_color.training.steps import Step

LONGEST = 4.0  # seconds that an update may take to be measured whole
LONG = 1.0  # seconds of an update that is measured once, where others are measured twice


class UpdateTime(NamedTuple):
    """Seconds of one update, and the `images` it was measured with: fewer than the batch where
    that would have taken too long, and the seconds are in proportion then.
    """

    seconds: float
    images: int


def time_update(rehearsal: Rehearsal, stage: Stage, step: Step) -> UpdateTime:
    """Make real updates on random images of the stage's size, the EMA's included."""
    batch, parts = stage.images_per_batch, step.grad_accum_steps
    step.train()
    least = parts * min(2, batch // parts)  # a BatchNorm cannot train on one
    _seconds(rehearsal, stage, step, least)
    each = _seconds(rehearsal, stage, step, least) / least
    images = batch
    while images > least and images * each > LONGEST:
        images = max(least, images // parts // 2 * parts)
    warm_up = _seconds(rehearsal, stage, step, images)
    times = 1 if warm_up > LONG else 2
    measured = [_seconds(rehearsal, stage, step, images) for _ in range(times)]
    return UpdateTime(min(measured) * batch / images, images)


def _seconds(rehearsal: Rehearsal, stage: Stage, step: Step, images: int) -> float:
    networks, device = rehearsal.networks, rehearsal.networks.device
    rgb = torch.randint(256, (images, 3, stage.size, stage.size), dtype=torch.uint8)
    rgb, label = rgb.to(device), torch.full((images,), -1, device=device)
    _synchronize(device)
    start = time.perf_counter()
    channels_last = rehearsal.config.run.channels_last
    run_step(step, Batch.from_rgb8(rgb, label, channels_last=channels_last))
    if not isinstance(stage, DiscriminatorStage):
        networks.ema.update(networks.generator, images)
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
