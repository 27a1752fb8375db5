"""A pretrained timm backbone as a list of feature maps, and how its weights are found.

Serves the U-Net's encoder, the perceptual loss, a critic, and the space of a Frechet distance.
"""

import difflib
import hashlib
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
    Raises GanColorError for an unknown backbone, one without a feature pyramid or for images of one
    size only, or bad weights.
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
        arguments = dict(features_only=True, in_chans=in_chans, **(arguments or {}))
        _check_name(name)
        if _may_need_one_size(name):  # before its weights are downloaded
            _check_any_size(name, arguments)
        self.backbone = _create(name, weights == "pretrained", "encoder_weights", **arguments)
        for path in drop:
            _replace_by_identity(self.backbone, path)
        if weights not in ("pretrained", "none"):
            load_weights(self.backbone, Path(weights))
        backbone: Any = self.backbone  # timm adds what nn.Module does not declare
        self.channels: list[int] = backbone.feature_info.channels()
        self.strides: list[int] = backbone.feature_info.reduction()
        _check_pyramid(name, self.strides)
        # Some transformers' maps are [B, H, W, C], and timm says so only here.
        self.maps_are_nhwc = getattr(backbone, "output_fmt", "NCHW") == "NHWC"
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
        return [x.permute(0, 3, 1, 2).contiguous() for x in maps] if self.maps_are_nhwc else maps


def create_classifier(
    name: str, pretrained: bool, arguments: dict[str, Any], size: int, drop: tuple[str, ...] = ()
) -> nn.Module:
    """A timm classifier: [B, 3, size, size] -> logits. Raises GanColorError where it cannot be had,
    or takes images of another size only.
    """
    _check_name(name)
    if _may_need_one_size(name):
        trial = _trial(name, arguments)
        _, height, width = trial.default_cfg["input_size"]
        if not _runs(trial, size, size):
            raise GanColorError(
                f"classifier: {name!r} cannot look at images of {size} x {size}, the "
                f"classifier_size; it is made for {height} x {width}: set classifier_size: {height}"
            )
    classifier = _create(name, pretrained, "classifier_weights", **arguments)
    for path in drop:
        _replace_by_identity(classifier, path)
    return classifier


def _check_name(name: str) -> None:
    """Raise GanColorError with the closest names where timm knows no such model, or no such tag."""
    if ":" in name:  # hf-hub:, local-dir:
        return
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        close = difflib.get_close_matches(architecture.lower(), timm.list_models(), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise GanColorError(
            f"encoder: found {name!r}, expected a model that timm {timm.__version__} knows{hint}"
        )
    known = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and known and name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0) or known[:3]
        raise GanColorError(
            f"encoder: found {name!r}, whose weights timm {timm.__version__} does not know; "
            f"did you mean {' or '.join(map(repr, close))}?"
        )


def _check_pyramid(name: str, strides: list[int]) -> None:
    if strides != sorted(set(strides)):
        raise GanColorError(
            f"encoder: found {name!r} with feature strides {strides}, expected a pyramid "
            "of growing strides; take a convolutional backbone such as resnet34"
        )


# Arguments by which some of timm's transformers take images of any size.
ANY_SIZE: tuple[dict[str, bool], ...] = ({"strict_img_size": False}, {"dynamic_img_size": True})


def _may_need_one_size(name: str) -> bool:
    config = timm.get_pretrained_cfg(name) if ":" not in name else None
    return config is not None and config.fixed_input_size


def _check_any_size(name: str, arguments: dict[str, Any]) -> None:
    """Raise GanColorError unless the feature extractor runs at sizes that are not its own."""
    trial = _trial(name, arguments)
    _check_pyramid(name, trial.feature_info.reduction())
    if _runs_at_any_size(trial):
        return
    way = ""
    for freeing in ANY_SIZE:
        try:
            works = _runs_at_any_size(_trial(name, {**arguments, **freeing}))
        except GanColorError:  # it has no such argument
            continue
        if works:
            ((key, value),) = freeing.items()
            way = (
                f"set {key}: {str(value).lower()} in model.encoder_kwargs (kwargs of a perceptual "
                "loss or a feature extractor), or "
            )
            break
    _, height, width = trial.default_cfg["input_size"]
    raise GanColorError(
        f"encoder: {name!r} takes images of one size only, {height} x {width}, "
        f"expected a backbone for any size; {way}take one such as resnet34 or convnext_tiny"
    )


def _trial(name: str, arguments: dict[str, Any]) -> Any:
    """The model with random weights, to try; leaves the random numbers as they were."""
    with torch.random.fork_rng(devices=[]):
        return _create(name, False, "", **arguments).eval()


def _runs_at_any_size(trial: Any) -> bool:
    stride = trial.feature_info.reduction()[-1]
    return _runs(trial, 2 * stride, 3 * stride) and _runs(trial, 5 * stride, 4 * stride)


@torch.no_grad()
def _runs(trial: Any, height: int, width: int) -> bool:
    channels = next(p.shape[1] for p in trial.parameters() if p.ndim == 4)
    try:
        trial(torch.zeros(1, channels, height, width))
    except (AssertionError, RuntimeError):  # timm's own check, or shapes that do not meet
        return False
    return True


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


def tensors_sha256(module: nn.Module) -> str:
    """Hexadecimal SHA-256 of a network's tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


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
