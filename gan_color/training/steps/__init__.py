"""What happens in a batch: plain torch, driven by any loop (`for batch in batches: step(batch)`).

A step takes one batch, updates its networks once, and returns detached losses by name, "total"
among them. Nothing in a step waits for the device.
"""

from gan_color.training.steps.adversarial import AdversarialStep
from gan_color.training.steps.base import Step
from gan_color.training.steps.discriminator import DiscriminatorStep
from gan_color.training.steps.supervised import SupervisedStep

__all__ = ["AdversarialStep", "DiscriminatorStep", "Step", "SupervisedStep"]
