"""What a step is, and what the kinds of steps share."""

from typing import Protocol

from torch import Tensor, nn

from gan_color.losses.auxiliary import Losses
from gan_color.models.base import Batch, Colorizer
from gan_color.training.amp import AmpOptimizer
from gan_color.training.memory.moving_buffers import BufferSnapshot


class Step(Protocol):
    """One update from one batch, computed in `grad_accum_steps` parts.

    That is the update of the whole batch, but for a BatchNorm that trains: it takes the statistics
    of a part, and moves its running ones once a part.
    """

    grad_accum_steps: int

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """What it trains."""

    def __call__(self, batch: Batch) -> Losses: ...

    def train(self) -> None:
        """Put the networks into the mode this step trains them in."""

    def undo(self) -> None:
        """Leave no trace of an update that failed: neither gradients nor moved buffers."""

    def state_dict(self) -> dict[str, float]:
        """What it remembers beside its networks, for checkpoints within its stage."""

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Put back what `state_dict` gave."""


class OneNetworkStep:
    """What the steps share that train one network and remember nothing beside it."""

    optimizer: AmpOptimizer
    buffers: BufferSnapshot

    def undo(self) -> None:
        self.optimizer.zero_grad()
        self.buffers.restore()

    def state_dict(self) -> dict[str, float]:
        return {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        pass


def set_training_mode(generator: Colorizer, freeze_encoder: bool, freeze_norm: bool) -> None:
    """Training mode, but for what is frozen: the pretrained part, or every BatchNorm."""
    generator.train()
    if freeze_encoder:
        for module in generator.pretrained_modules():
            module.eval()
    if freeze_norm:
        for module in generator.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def model_losses(model: Colorizer, output: Tensor, batch: Batch, weight: float) -> Losses:
    """The model's own terms, times the stage's weight for them; none where that is 0."""
    if not weight:
        return {}
    return {name: weight * value for name, value in model.losses(output, batch).items()}


class LossAccumulator:
    """Adds up the losses of a batch's parts, each weighted by its share."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.losses: Losses = {}

    def add(self, losses: Losses) -> None:
        """Add a part's losses, detached."""
        for name, value in losses.items():
            value = value.detach().float() / self.parts
            self.losses[name] = self.losses[name] + value if name in self.losses else value
