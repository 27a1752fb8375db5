"""A pretrained timm backbone as a list of feature maps, and how its weights are found.

Serves three uses: the U-Net's encoder, the perceptual loss, the space of a Frechet distance.
"""

from pathlib import Path
from typing import Any

import httpx
import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gan_color.errors import GanColorError


class Backbone(nn.Module):
    """Gray or colorize images in 0..1 -> feature maps, shallow to deep.

    `weights`: "pretrained" (timm downloads them), "none" (random), or the path of a safetensors
    file. `arguments` go to timm.create_model; `drop` names submodules to replace by the identity,
    such as layers a truncated weights file lacks.
    Raises GanColorError for an unknown backbone, one without a feature pyramid, or bad weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        weights: str = "pretrained",
        in_chans: int = 3,
        arguments: dict[str, Any] | None = None,
        drop: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.in_chans = in_chans
        self.backbone = _create(
            name,
            weights == "pretrained",
            "encoder_weights",
            features_only=True,
            in_chans=in_chans,
            **(arguments or {}),
        )
        for path in drop:
            _replace_by_identity(self.backbone, path)
        if weights not in ("pretrained", "none"):
            load_weights(self.backbone, Path(weights))
        backbone: Any = self.backbone  # timm adds what nn.Module does not declare
        self.channels: list[int] = backbone.feature_info.channels()
        self.strides: list[int] = backbone.feature_info.reduction()
        if self.strides != sorted(set(self.strides)):
            raise GanColorError(
                f"encoder: found {name!r} with feature strides {self.strides}, expected a pyramid "
                "of growing strides; take a convolutional backbone such as resnet34"
            )
        # Part of the file, so that a later timm cannot change what a trained model sees.
        mean, std = (
            torch.tensor(backbone.default_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std")
        )
        if in_chans == 1:
            mean, std = mean.mean(1, keepdim=True), std.mean(1, keepdim=True)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image [B, 1 or in_chans, H, W] in 0..1 -> one map per stride. Gray is replicated."""
        if image.shape[1] == 1 and self.in_chans == 3:
            image = image.expand(-1, 3, -1, -1)
        maps: list[Tensor] = self.backbone((image - self.mean) / self.std)
        return maps


def create_classifier(
    name: str, pretrained: bool, arguments: dict[str, Any], drop: tuple[str, ...] = ()
) -> nn.Module:
    """A timm classifier: [B, 3, H, W] -> logits. Raises GanColorError where it cannot be had."""
    classifier = _create(name, pretrained, "classifier_weights", **arguments)
    for path in drop:
        _replace_by_identity(classifier, path)
    return classifier


def _create(name: str, pretrained: bool, option: str, **arguments: Any) -> nn.Module:
    try:
        backbone: nn.Module = timm.create_model(name, pretrained=pretrained, **arguments)
    except (OSError, httpx.HTTPError) as error:
        reason = str(error).strip().splitlines()[0]
        raise GanColorError(
            f"encoder: could not download the weights of {name!r} ({type(error).__name__}: "
            f"{reason}); set {option} to the path of a .safetensors file, or to 'none'"
        ) from None
    except (RuntimeError, TypeError, AttributeError) as error:
        raise GanColorError(f"encoder: timm cannot build {name!r}: {error}") from None
    return backbone


def _replace_by_identity(backbone: nn.Module, path: str) -> None:
    parent, _, child = path.rpartition(".")
    try:
        backbone.get_submodule(path)
    except AttributeError:
        raise GanColorError(
            f"encoder: found no module {path!r} to drop, expected one of its submodules"
        ) from None
    setattr(backbone.get_submodule(parent), child, nn.Identity())


def load_weights(module: nn.Module, path: Path, prefix: str = "") -> None:
    """Load a safetensors file into a backbone: everything it has must be in the file.

    `prefix` is where its keys stand in the file. Extra keys (the classifier) are ignored, and
    BatchNorm's step counters may miss. timm's feature extractors flatten "stages.0" to
    "stages_0", so dots and underscores are one here.
    RGB stems are summed into one channel where the backbone takes gray.
    """
    if path.suffix != ".safetensors" or not path.is_file():
        problem = "no such file" if not path.exists() else "not a .safetensors file"
        raise GanColorError(
            f"weights: found {str(path)!r} ({problem}), expected a .safetensors file"
        )
    try:
        stored = {key.replace(".", "_"): value for key, value in load_file(path).items()}
    except SafetensorError as error:
        raise GanColorError(
            f"weights: {path} is not a readable safetensors file: {error}"
        ) from None
    state: dict[str, Tensor] = {}
    missing = []
    for key, value in module.state_dict().items():
        found = stored.get(f"{prefix}{key}".replace(".", "_"))
        if found is None:
            if key.endswith("num_batches_tracked"):
                found = value
            else:
                missing.append(key)
                continue
        if found.shape != value.shape and found.ndim == 4 and value.shape[1] == 1:
            found = found.sum(dim=1, keepdim=True)
        if found.shape != value.shape:
            raise GanColorError(
                f"weights: {path} has {key} of shape {tuple(found.shape)}, "
                f"expected {tuple(value.shape)}; is it the file of this backbone?"
            )
        state[key] = found
    if missing:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if missing[4:] else "")
        raise GanColorError(
            f"weights: {path} lacks {shown}; take the file of this backbone, "
            "or name the layers it lacks in encoder_remove_modules"
        )
    module.load_state_dict(state)


RANDOM = "none"


class VGG16Features(nn.Module):
    """torchvision's VGG16 with BatchNorm and ImageNet weights: the maps after the layers `taps`.

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

    def forward(self, image: Tensor) -> list[Tensor]:
        x, maps = (image - self.mean) / self.std, []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return maps
