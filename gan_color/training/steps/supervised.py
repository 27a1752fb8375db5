"""The step of a supervised stage."""

import torch

from gan_color.losses.auxiliary import AuxiliaryLosses, Losses
from gan_color.models.base import Batch, Colorizer
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.memory.moving_buffers import BufferSnapshot, SpectralNorms
from gan_color.training.steps.base import (
    LossAccumulator,
    OneNetworkStep,
    model_losses,
    set_training_mode,
)


class SupervisedStep(OneNetworkStep):
    """The generator alone, on its own losses and the stage's."""

    def __init__(
        self,
        generator: Colorizer,
        optimizer: AmpOptimizer,
        precision: Precision,
        auxiliary_losses: AuxiliaryLosses | None = None,
        grad_accum_steps: int = 1,
        freeze_encoder: bool = False,
        freeze_norm: bool = False,
        model_loss_weight: float = 1.0,
        hints_only: bool = False,
    ) -> None:
        self.generator, self.optimizer, self.precision = generator, optimizer, precision
        self.auxiliary_losses = auxiliary_losses or AuxiliaryLosses()
        self.model_loss_weight = model_loss_weight
        self.grad_accum_steps = grad_accum_steps
        self.freeze_encoder, self.freeze_norm = freeze_encoder, freeze_norm
        self.hints_only = hints_only
        self.networks = (generator,)
        self.spectral_norms, self.buffers = SpectralNorms(generator), BufferSnapshot(generator)

    def train(self) -> None:
        if self.hints_only:  # nothing else moves: no running statistics, no power iteration
            self.generator.eval()
            return
        set_training_mode(self.generator, self.freeze_encoder, self.freeze_norm)

    def __call__(self, batch: Batch) -> Losses:
        self.buffers.take()
        self.spectral_norms.iterate()
        logged = LossAccumulator(self.grad_accum_steps)
        for part in batch.split(self.grad_accum_steps):
            with self.precision.autocast():
                output = self.generator.run(part.L, part.hints)
                losses = model_losses(self.generator, output, part, self.model_loss_weight)
                losses |= self.auxiliary_losses(part.L, self.generator.decode(output), part.ab)
                total = torch.stack(list(losses.values())).sum()
            self.optimizer.backward(total / self.grad_accum_steps)
            with torch.no_grad():
                monitored = self.generator.monitored(output, part)
            logged.add({**losses, **monitored, "total": total})
        return {**logged.losses, "gradient_norm": self.optimizer.step()}
