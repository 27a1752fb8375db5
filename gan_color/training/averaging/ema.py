"""The exponential moving average of a generator: what is previewed, validated and exported."""

import copy

import torch

from gan_color.config.schema import Config
from gan_color.config.stages import AdversarialStage, SupervisedStage
from gan_color.models.base import Colorizer

STATISTICS = ("running_mean", "running_var")  # BatchNorm's, by the ends of their names


def half_life_of(stage: SupervisedStage | AdversarialStage, config: Config) -> float:
    """Half-life of the EMA in a stage, in images."""
    return stage.ema_half_life or config.run.ema_half_life


class EMA:
    """A shadow generator that follows the trained one; its half-life is counted in images.

    The half-life is at most 20 % of the images seen so far, so that the first, wild weights are
    soon forgotten (the ramp-up of StyleGAN2, https://arxiv.org/abs/1912.04958, which has 5 %: in
    runs as short as these that would overrule the half-life asked for).
    """

    RAMP = 0.2

    def __init__(self, generator: Colorizer, half_life: float) -> None:
        self.model = copy.deepcopy(generator).requires_grad_(False).eval()
        self.half_life = half_life
        self.images = 0

    def skip_ramp(self) -> None:
        """Follow with the full half-life from the first image on."""
        self.images = round(self.half_life / self.RAMP)

    @classmethod
    def kept(cls, half_life: float, seen: int, images: int) -> float:
        """Share of itself that an EMA keeps in the update after which it has `seen` images, the
        last `images` of them in this update.
        """
        return float(0.5 ** (images / min(half_life, cls.RAMP * seen)))

    @torch.no_grad()
    def update(self, generator: Colorizer, images: int) -> None:
        """Move toward the generator, after it trained on this many more images."""
        self.images += images
        keep = self.kept(self.half_life, self.images, images)
        mine = [p.detach() for p in self.model.parameters()]
        theirs = [p.detach() for p in generator.parameters()]
        # BatchNorm's statistics belong to the weights they were measured with, so they are
        # averaged with them; counters and power-iteration vectors are taken over. What only
        # losses need, the average has none of.
        buffers = dict(generator.named_buffers())
        for name, own in self.model.named_buffers():
            if name.endswith(STATISTICS):
                mine.append(own)
                theirs.append(buffers[name])
            else:
                own.copy_(buffers[name])
        torch._foreach_lerp_(mine, theirs, 1 - keep)
