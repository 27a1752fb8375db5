"""Discriminators: patch discriminators on [L, ab] at several scales, DeOldify's critic on RGB, and
either with a critic on frozen pretrained features beside it.
"""

from gan_color.models.discriminators.base import Discriminator
from gan_color.models.discriminators.config import DiscriminatorConfig
from gan_color.models.discriminators.create import create_discriminator
from gan_color.models.discriminators.critic import Critic
from gan_color.models.discriminators.patch import MultiscaleDiscriminator, PatchDiscriminator
from gan_color.models.discriminators.with_features import WithFeatureCritic

__all__ = [
    "Critic",
    "Discriminator",
    "DiscriminatorConfig",
    "MultiscaleDiscriminator",
    "PatchDiscriminator",
    "WithFeatureCritic",
    "create_discriminator",
]
