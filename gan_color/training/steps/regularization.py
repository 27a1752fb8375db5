"""What keeps discriminators from winning too early. All of it is off by default.

Random numbers are drawn for a whole batch, image by image, so that its parts make its update.
"""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color import distributed
from gan_color.config.stages import AdversarialStage, DiscriminatorStage


class Draws(NamedTuple):
    """An update's random numbers, by image: noise on real and on fake ab, [B, 2, H, W]; whole
    pixels by which it is moved, right and down, [B, 2]; and, where fakes may be shown as real, 1
    for an image whose fake is, in the place of the real one, else 0, [B].
    """

    real_noise: Tensor | None = None
    fake_noise: Tensor | None = None
    shift: Tensor | None = None
    pseudo_real: Tensor | None = None

    def split(self, parts: int) -> "list[Draws]":
        """Cut as a batch is."""
        columns = [[None] * parts if x is None else list(x.split(len(x) // parts)) for x in self]
        return [Draws(*row) for row in zip(*columns, strict=True)]


NOTHING = Draws()


class Regularization:
    """A stage's options on what its discriminators see."""

    def __init__(
        self,
        r1_weight: float = 0.0,
        r1_sigma: float = 0.01,
        r1_on_fakes: bool = False,
        translation: float = 0.0,
    ) -> None:
        self.r1_weight, self.r1_sigma, self.r1_on_fakes = r1_weight, r1_sigma, r1_on_fakes
        self.translation = translation

    @classmethod
    def of(cls, stage: DiscriminatorStage | AdversarialStage) -> Self:
        """Those of a stage's configuration."""
        return cls(
            stage.r1_weight, stage.r1_sigma, stage.r1_on_fakes, stage.discriminator_translation
        )

    def draw(self, ab: Tensor) -> Draws:
        """For a batch whose chroma is ab [B, 2, H, W]."""
        real = fake = shift = None
        if self.r1_weight:
            real = self.r1_sigma * torch.randn_like(ab)
            if self.r1_on_fakes:
                fake = self.r1_sigma * torch.randn_like(ab)
        if self.translation:
            most = self.translation * torch.tensor(ab.shape[:1:-1], device=ab.device)  # x, y
            shift = ((2 * torch.rand(len(ab), 2, device=ab.device) - 1) * most).round()
        return Draws(real, fake, shift)


def translate(images: Tensor, shift: Tensor) -> Tensor:
    """Images [B, C, H, W] moved by whole pixels [B, 2], right and down; what comes in is 0: gray.

    Zhao et al. 2020 (DiffAugment), https://arxiv.org/abs/2006.10738. In float32.
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) - shift[:, :1]
    y = torch.arange(height, device=images.device) - shift[:, 1:]
    x, y = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1  # from -1 to 1 between the borders
    grid = torch.stack(
        (x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)), dim=-1
    )
    return F.grid_sample(images.float(), grid, mode="nearest", align_corners=False)


class AdaptivePseudoAugmentation:
    """The generator's own fakes shown to discriminators as real, the more the more these overfit.

    Jiang et al. 2021, https://arxiv.org/abs/2111.06849. After every update the probability rises
    where the mean sign of the logits of real images is above `target`, else falls. It would take
    `images` from 0 to 1; the paper's 500,000 are more than a whole stage here. Only the labels are
    changed: a fake that the discriminators see anyway takes the place of its real image, which
    feature matching goes on to match.
    """

    def __init__(self, target: float, images: int, device: torch.device) -> None:
        self.target, self.images = target, images
        self.probability = torch.zeros((), device=device)

    def draw(self, count: int) -> Tensor:
        """[count]: 1 where an image's fake is shown as real, else 0."""
        uniform = torch.rand(count, device=self.probability.device)
        return (uniform < self.probability).float()

    def update(self, mean_sign: Tensor, images: int) -> None:
        """Move the probability by an update of so many images on this rank."""
        sign = (distributed.average_value(mean_sign) - self.target).sign()
        moved = self.probability + sign * (images * distributed.world_size() / self.images)
        self.probability = moved.clamp(0.0, 1.0)
