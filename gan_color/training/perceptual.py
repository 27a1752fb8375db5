"""Which frozen network a perceptual loss looks through."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gan_color.config_stages import PerceptualConfig
from gan_color.errors import GanColorError
from gan_color.losses import PerceptualLoss
from gan_color.models.encoder import Encoder, load_weights

# The activations before the last three poolings, as DeOldify's FeatureLoss reads them.
VGG16_BN_TAPS = (22, 32, 42)


class VGG16Features(nn.Module):
    """torchvision's VGG16 with BatchNorm, ImageNet weights, three maps before poolings 3 to 5."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str) -> None:
        import torchvision

        super().__init__()
        if weights == "pretrained":
            try:
                network = torchvision.models.vgg16_bn(weights="IMAGENET1K_V1")
            except OSError as error:
                raise GanColorError(
                    f"perceptual: could not download vgg16_bn ({error}); set perceptual.weights "
                    "to the path of a .safetensors file with torchvision's names"
                ) from None
        else:
            network = torchvision.models.vgg16_bn()
            load_weights(network.features, Path(weights), prefix="features.")
        self.layers = network.features[: VGG16_BN_TAPS[-1] + 1]
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> list[Tensor]:
        x, maps = (picture - self.mean) / self.std, []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in VGG16_BN_TAPS:
                maps.append(x)
        return maps


def create_perceptual(config: PerceptualConfig) -> PerceptualLoss:
    """The loss a stage's `perceptual` section describes; raises GanColorError."""
    if config.weights == "none":
        raise GanColorError(
            "perceptual.weights: found 'none', expected 'pretrained' or the path of a .safetensors "
            "file: random features judge nothing"
        )
    if config.backbone == "vgg16_bn":
        return PerceptualLoss(VGG16Features(config.weights))
    return PerceptualLoss(
        Encoder(config.backbone, config.weights, 3, dict(config.args), config.drop)
    )
