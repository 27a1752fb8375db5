"""DeOldify's critic, on RGB."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_color.color.lab import to_rgb
from gan_color.losses.gan import ScaleFeatures
from gan_color.models.discriminators.base import Discriminator
from gan_color.models.layers import SaganAttention, zero_bias


class Critic(Discriminator):
    """DeOldify's critic, which sees RGB and not L apart; the defaults are its.

    With 64 `base_channels`, `negative_slope` 0 and no dropout it is DDColor's discriminator.
    Sources: https://github.com/jantic/DeOldify (deoldify/critics.py), https://github.com/piddnad/DDColor
    (basicsr/archs/discriminator_arch.py). Images of 64 pixels a side at least.
    """

    def __init__(
        self, base_channels: int = 256, negative_slope: float = 0.2, dropout: float = 0.15
    ) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        channels = [base_channels, 2 * base_channels, 4 * base_channels, 8 * base_channels]
        stages = [self._stage(3, base_channels, 4, 2, dropout / 2)]
        for i in range(3):
            stages.append(self._stage(channels[i], channels[i], 3, 1, dropout))
            attention = [SaganAttention(channels[1], "spectral")] if i == 0 else []
            down = self._stage(channels[i], channels[i + 1], 4, 2, 0.0)
            stages.append(nn.Sequential(*down, *attention))
        stages.append(self._stage(channels[3], channels[3], 3, 1, 0.0))
        stages.append(nn.Sequential(spectral_norm(nn.Conv2d(channels[3], 1, 4, bias=False))))
        self.stages = nn.ModuleList(stages)

    def _stage(
        self, inputs: int, outputs: int, kernel: int, stride: int, dropout: float
    ) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=1)
        nn.init.kaiming_normal_(conv.weight)
        zero_bias(conv)
        activation = nn.LeakyReLU(self.negative_slope, inplace=True)
        return nn.Sequential(spectral_norm(conv), activation, nn.Dropout2d(dropout))

    def forward(self, L: Tensor, ab: Tensor) -> ScaleFeatures:
        """L [B, 1, H, W] and ab [B, 2, H, W] -> one scale's features, the logits last."""
        x, features = to_rgb(L, ab), []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return [features]
