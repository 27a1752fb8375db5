"""Which frozen network a perceptual loss looks through."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gan_color.config_stages import PerceptualConfig
from gan_color.errors import GanColorError
from gan_color.losses import PerceptualLoss
from gan_color.models.encoder import Encoder, load_weights

RANDOM = "none"


class VGG16Features(nn.Module):
    """torchvision's VGG16 with BatchNorm and ImageNet weights: the maps after some `layers`.

    22, 32 and 42 are the activations before the last three poolings, which DeOldify's FeatureLoss
    reads; 0, 7, 14, 24 and 34 are the first convolution of each block, which DDColor reads.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str, taps: tuple[int, ...]) -> None:
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
            if weights != RANDOM:
                load_weights(network.features, Path(weights), prefix="features.")
        self.taps = taps
        self.layers = network.features[: max(taps) + 1]
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> list[Tensor]:
        x, maps = (picture - self.mean) / self.std, []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return maps


def create_perceptual(config: PerceptualConfig, random: bool = False) -> PerceptualLoss:
    """The loss a stage's `perceptual` section describes; raises GanColorError.

    With `random` weights it costs the same and judges nothing: for whoever counts its work.
    """
    weights = RANDOM if random else config.weights
    if config.weights == RANDOM:
        raise GanColorError(
            "perceptual.weights: found 'none', expected 'pretrained' or the path of a .safetensors "
            "file: random features judge nothing"
        )
    if config.backbone == "vgg16_bn":
        features: nn.Module = VGG16Features(weights, config.layers)
    else:
        features = Encoder(config.backbone, weights, 3, dict(config.args), config.drop)
    return PerceptualLoss(features, config.layer_weights)
