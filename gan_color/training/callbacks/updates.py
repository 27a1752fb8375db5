"""Callbacks that take part in the updates: seeds, the EMA generator, the discriminators' rate."""

import numpy as np
import torch
from fastai.callback.core import CancelValidException

from gan_color import distributed
from gan_color.data.loaders import KeySampler
from gan_color.models.base import Colorizer
from gan_color.training.averaging.ema import EMA
from gan_color.training.callbacks.base import Callback
from gan_color.training.checkpoint import Tensors


def noise_state(device: torch.device) -> Tensors:
    """Where the generators of noise are, to go on from within an epoch."""
    found = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def restore_noise(found: Tensors) -> None:
    """Put back what `noise_state` gave, as far as this machine has it."""
    torch.set_rng_state(found["cpu"].cpu())
    if "cuda" in found and torch.cuda.is_available():
        torch.cuda.set_rng_state(found["cuda"].cpu())


class SeedEpoch(Callback):
    """Makes an epoch a function of (seed, stage, epoch): resuming at one is bit-exact.

    So is resuming within the first one, where `skip` of its batches are done, with the generators
    of noise as they were then.
    """

    order = -5  # after TrainEvalCallback has put the whole model into training mode

    def __init__(self, sampler: KeySampler, skip: int = 0, noise: Tensors | None = None) -> None:
        self.sampler, self.skip, self.noise = sampler, skip, noise
        self.seed: int | None = None

    def before_train(self) -> None:
        skip, self.skip = self.skip, 0
        self.sampler.set_epoch(self.epoch, skip)
        # A rank has its own noise (dropout); the data is dealt by the sampler.
        seed = np.random.SeedSequence([*self.sampler.seed, self.epoch, distributed.rank()])
        self.seed = int(seed.generate_state(1)[0])
        torch.manual_seed(self.seed)
        for _ in range(skip):  # as fastai counts, sum by sum, so that the rates are the same
            self.learn.pct_train += 1.0 / (len(self.sampler) * self.n_epoch)
        self.learn.step.train()

    def before_batch(self) -> None:
        # Only now: a loader draws a number of its own when an epoch begins, but one whose workers
        # live on does so in its first epoch alone.
        noise, self.noise = self.noise, None
        seed, self.seed = self.seed, None
        if noise is not None:
            restore_noise(noise)
        elif seed is not None:
            torch.manual_seed(seed)
            torch.empty((), dtype=torch.int64).random_()  # the loader's

    def before_validate(self) -> None:
        # ValidateAndPreview evaluates: there is no validation loader.
        raise CancelValidException


class UpdateEMA(Callback):
    """Keeps the EMA generator, in images."""

    order = 10

    def __init__(self, ema: EMA, generator: Colorizer, images: int) -> None:
        self.ema, self.generator, self.images = ema, generator, images

    def after_batch(self) -> None:
        self.ema.update(self.generator, self.images)


def follow_rate(
    follower: torch.optim.Optimizer, leader: torch.optim.Optimizer, ratio: float
) -> None:
    """Hold the discriminators' rate at a ratio of the generator's last group, the decoder."""
    for group in follower.param_groups:
        group["lr"] = leader.param_groups[-1]["lr"] * ratio


class DiscriminatorLR(Callback):
    """Holds the discriminators' rate at a fixed ratio of the generator's: TTUR, Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500.
    """

    order = 61  # right after the schedule has set the generator's

    def __init__(self, optimizer: torch.optim.Optimizer, ratio: float) -> None:
        self.optimizer, self.ratio = optimizer, ratio

    def before_batch(self) -> None:
        follow_rate(self.optimizer, self.opt.opt, self.ratio)
