"""torch.compile, where it works: one graph a network, for any size."""

from typing import Any

import torch
from torch import nn

from gan_color import distributed
from gan_color.config.schema import Config
from gan_color.config.stages import SupervisedStage
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.hub.init_from import init_from
from gan_color.models import registry
from gan_color.models.base import Colorizer
from gan_color.models.discriminators import Discriminator, create_discriminator
from gan_color.training import checkpoint
from gan_color.training.averaging.ema import EMA
from gan_color.training.loggers.wandb_artifacts import find_model
from gan_color.training.memory.activation_checkpointing import checkpoint_blocks


def compile_or_warn(module: nn.Module, backend: Any = "inductor") -> None:
    """Compile a module in place, sizes left open; the first failure is said, and ends it.

    A graph is made before any of it runs, so that what failed to compile is simply run uncompiled:
    no running statistic or singular vector has moved.
    """
    module.compile(backend=backend, dynamic=True, fullgraph=True)
    compiled: Any = module._compiled_call_impl

    def call(*inputs: Any) -> Any:
        from torch._dynamo.exc import TorchDynamoException

        try:
            return compiled(*inputs)
        except TorchDynamoException as error:
            module._compiled_call_impl = None
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = " ".join(lines[:2])  # what failed, and what it raised
            console.print(
                f"run.compile: {type(module).__name__} is not compiled, and trains as it is: "
                f"{type(error).__name__}: {reason}",
                markup=False,
            )
        return module(*inputs)

    module._compiled_call_impl = call


class Networks:
    """Generator, its EMA, and discriminators where a stage has any.

    `resumed` says that `load` will follow, so that no pretrained weights are looked for.
    """

    def __init__(self, config: Config, device: torch.device, resumed: bool) -> None:
        self.device = device
        self.generator = create_generator(config, resumed)
        self.discriminator: Discriminator | None = None
        if not all(isinstance(stage, SupervisedStage) for stage in config.stages):
            self.discriminator = create_discriminator(config.discriminator)
        for module in self._trained():
            module.to(device)
            if config.run.channels_last:
                module.to(memory_format=torch.channels_last)
            distributed.broadcast(module)
        self.ema = EMA(self.generator, config.run.ema_half_life)
        if config.run.sync_batchnorm and distributed.world_size() > 1:
            self._synchronize_batchnorm(device)
        if config.run.activation_checkpointing:
            checkpoint_blocks(self.generator)  # the EMA, made before, is never trained
        if config.run.init_from:
            self.ema.skip_ramp()  # the weights it starts with are not wild

    def set_classes(self, names: list[str]) -> None:
        """Tell the generator, and its EMA, what the labels stand for."""
        for model in (self.generator, self.ema.model):
            model.set_classes(names)

    def _synchronize_batchnorm(self, device: torch.device) -> None:
        """Let the BatchNorms that train take the statistics of all ranks' images."""
        if device.type != "cuda":
            raise GanColorError(
                f"run.sync_batchnorm: found true on {device.type}, expected CUDA, where alone "
                "torch has it; false, or freeze_norm in each stage"
            )
        from timm.layers import convert_sync_batchnorm

        self.generator = convert_sync_batchnorm(self.generator)
        if self.discriminator is not None:
            self.discriminator = convert_sync_batchnorm(self.discriminator)

    def _trained(self) -> list[nn.Module]:
        return [m for m in (self.generator, self.discriminator) if m is not None]

    def compile(self) -> None:
        """torch.compile what is trained, in place."""
        for module in self._trained():
            compile_or_warn(module)

    def tensors(self) -> dict[str, checkpoint.Tensors]:
        """What a checkpoint keeps of them, by file."""
        found = {"model": self.generator.state_dict(), "ema": self.ema.model.state_dict()}
        if self.discriminator is not None:
            found["discriminator"] = self.discriminator.state_dict()
        return found

    def load(self, found: checkpoint.Checkpoint) -> None:
        """Take a checkpoint's weights; raises GanColorError where they do not fit."""
        try:
            self.generator.load_state_dict(checkpoint.load(found, "model"))
            self.ema.model.load_state_dict(checkpoint.load(found, "ema"))
            if self.discriminator is not None:
                self.discriminator.load_state_dict(checkpoint.load(found, "discriminator"))
        except RuntimeError as error:
            detail = " ".join(str(error).split())[:300]
            raise GanColorError(
                f"resume: {found.folder} does not fit the model of config.yml: {detail}"
            ) from None
        self.ema.images = found.state["ema_images"]

    def share(self, buffers_only: bool = False) -> None:
        """Give every rank the first rank's networks."""
        for module in self._trained():
            distributed.broadcast(module, buffers_only)
        if not buffers_only:
            distributed.broadcast(self.ema.model)


def create_generator(config: Config, resumed: bool) -> Colorizer:
    """A run's generator; `resumed`, its weights are about to be loaded, so none are looked for."""
    options = dict(config.model)
    name = options.pop("name")
    parsed = registry.parse_options(name, options)
    if resumed or config.run.init_from:
        parsed = parsed.for_inference()  # the weights come from a file
    generator = registry.model_class(name)(parsed)
    if config.run.init_from and not resumed:
        init_from(generator, name, find_model(config.run.init_from))
    return generator
