"""Tiny networks and the steps that train them, for the tests of what happens in a batch."""

import torch
from torch import nn

from gan_color.config.stages import AdversarialStage
from gan_color.models import registry
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import (
    Discriminator,
    MultiscaleDiscriminator,
    WithFeatureCritic,
)
from gan_color.models.discriminators.feature_critic import FeatureCritic, FeatureCriticConfig
from gan_color.training.amp import AmpOptimizer, Precision
from gan_color.training.steps import AdversarialStep

FP32 = Precision("fp32", torch.device("cpu"))


def generator(norm: str = "spectral", **options: object) -> Colorizer:
    torch.manual_seed(0)
    model = registry.create(
        "unet",
        encoder="mobilenetv3_small_050",
        encoder_weights="none",
        decoder_channels=[16, 12, 8, 8, 8],
        norm=norm,
        **options,
    )
    nn.init.normal_(model.head.weight, std=0.1)
    return model


def discriminator() -> MultiscaleDiscriminator:
    torch.manual_seed(1)
    return MultiscaleDiscriminator(base_channels=8)


def with_critic(**options: object) -> WithFeatureCritic:
    """The discriminators and a critic on the features of a random network."""
    config = FeatureCriticConfig(backbone="test_resnet", width=8, **options)
    return WithFeatureCritic(discriminator(), FeatureCritic(config, skip_weights=True))


def batch(count: int = 4, size: int = 32) -> Batch:
    g = torch.Generator().manual_seed(3)
    L = torch.rand(count, 1, size, size, generator=g) * 2 - 1
    ab = torch.rand(count, 2, size, size, generator=g) - 0.5
    return Batch(L, ab, torch.full((count,), -1))


def stage(**options: object) -> AdversarialStage:
    base = {
        "name": "gan",
        "kind": "adversarial",
        "images": 8,
        "size": 32,
        "batch_size": 4,
        "lr": 1e-3,
    }
    return AdversarialStage(**{**base, **options})


def sgd(module: nn.Module, lr: float = 1e-2, clip: float = 0.0) -> AmpOptimizer:
    return AmpOptimizer(module, torch.optim.SGD(module.parameters(), lr), FP32, clip)


def adversarial(
    lr: tuple[float, float] = (1e-2, 1e-2),
    norm: str = "spectral",
    critic: Discriminator | None = None,
    **options: object,
) -> AdversarialStep:
    g, d = generator(norm), critic or discriminator()
    step = AdversarialStep(g, d, sgd(g, lr[0]), sgd(d, lr[1]), FP32, stage(**options))
    step.train()
    return step


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(before: list[torch.Tensor], module: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
