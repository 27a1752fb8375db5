"""From a configuration's `discriminator` section to the discriminator."""

from gan_color.models.discriminators.base import Discriminator
from gan_color.models.discriminators.config import DiscriminatorConfig
from gan_color.models.discriminators.critic import Critic
from gan_color.models.discriminators.feature_critic import FeatureCritic
from gan_color.models.discriminators.patch import MultiscaleDiscriminator
from gan_color.models.discriminators.with_features import WithFeatureCritic
from gan_color.models.layers import normal_init


def create_discriminator(config: DiscriminatorConfig, skip_weights: bool = False) -> Discriminator:
    """The discriminator that a configuration's `discriminator` section describes.

    `skip_weights` leaves a pretrained network random, where its work is counted.
    """
    discriminator = _create_alone(config)
    if config.features is None:
        return discriminator
    return WithFeatureCritic(discriminator, FeatureCritic(config.features, skip_weights))


def _create_alone(config: DiscriminatorConfig) -> Discriminator:
    if config.kind == "critic":
        return Critic(config.base_channels, config.negative_slope, config.dropout)
    discriminator = MultiscaleDiscriminator(
        config.num_discriminators,
        config.num_layers,
        config.base_channels,
        config.norm,
        config.attention,
        config.padding,
        config.pool,
        config.matched_features,
        config.san,
    )
    if config.init == "normal_0.02":
        normal_init(discriminator)
    return discriminator
