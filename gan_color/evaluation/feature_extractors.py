"""Feature extractors behind distances between sets of images (FID, KID, Fréchet), and LPIPS.

FID and KID mean TensorFlow's Inception network of 2015, in two well-defined readings that differ
in how an image is brought to 299 x 299: TensorFlow 1's own bilinear resize (`fid`: Heusel et al.
2017, as torch-fidelity has it) and Pillow's antialiased bicubic one (`fid_clean`: Parmar et al.
2022, clean-fid). A distance in any other space is called `frechet` or `kernel`, and names its
space.
"""

import difflib
import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torchmetrics.functional.image.lpips import _NoTrainLpips

from gan_color.atomic import sha256
from gan_color.color.lab import to_float
from gan_color.errors import GanColorError
from gan_color.hub.downloads import WeightsFile

# TensorFlow's Inception of 2015-12-05, whose features FID and KID are defined in.
INCEPTION = WeightsFile(
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "--fid-weights",
)
# torchvision's AlexNet, whose features LPIPS v0.1 weighs.
ALEXNET = WeightsFile(
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "--lpips-weights",
)


INCEPTION_SIZE = 299
INCEPTION_CHANNELS = 2048
TORCHVISION = "torchvision/"
CLASSIFIER_SIZE = 224  # side at which ImageNet's classifiers look


class FeatureExtractor(nn.Module):
    """A frozen network: uint8 sRGB [B, 3, H, W] -> features [B, channels] float32.

    `key` names the space in files, `name` in words; `frechet_key` and `kernel_key` are the figures
    that are distances in it, "" where the literature has no such figure. `weights_sha256` is that
    of the weights file, or of the tensors where timm chose the file.
    """

    key: str
    name: str
    weights_sha256: str
    channels: int
    frechet_key: str
    kernel_key: str

    def train(self, mode: bool = True) -> "FeatureExtractor":
        return super().train(False)  # frozen: it never updates its statistics


def load_inception(path: Path | None = None) -> nn.Module:
    """TensorFlow's Inception up to its 2048 pooled features, by torch-fidelity.

    Takes [B, 3, 299, 299] in -1..1. Raises GanColorError where the weights cannot be had.
    """
    buffer = io.BytesIO()
    # The library's constructor unpickles what it is given: tensors that were read safely, here.
    torch.save(INCEPTION.load(path), buffer)
    buffer.seek(0)
    extractor = FeatureExtractorInceptionV3("inception", ["2048"], buffer)
    layers = [layer for name, layer in extractor.named_children() if name != "fc"]
    return nn.Sequential(*layers, nn.Flatten()).requires_grad_(False).eval()


class InceptionExtractor(FeatureExtractor):
    """The space of FID and KID. `network` is `load_inception`'s and can be shared."""

    channels = INCEPTION_CHANNELS
    weights_sha256 = INCEPTION.sha256

    def __init__(self, network: nn.Module, resize: Literal["tensorflow", "clean"]) -> None:
        super().__init__()
        self.network, self.resize = network, resize
        clean = resize == "clean"
        self.key = "inception_clean" if clean else "inception"
        self.frechet_key, self.kernel_key = ("fid_clean", "") if clean else ("fid", "kid")
        way = (
            "Pillow bicubic, as clean-fid" if clean else "TensorFlow 1 bilinear, as torch-fidelity"
        )
        self.name = f"Inception 2015-12-05 pool3, resized by {way}"
        self.eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        if self.resize == "clean":
            pixels = clean_resize(image, INCEPTION_SIZE)
        else:
            pixels = interpolate_bilinear_2d_like_tensorflow1x(
                image.float(), (INCEPTION_SIZE, INCEPTION_SIZE), align_corners=False
            )
        features: Tensor = self.network((pixels - 128.0) / 128.0)
        return features.float()


def clean_resize(image: Tensor, size: int) -> Tensor:
    """uint8 [B, 3, H, W] -> float [B, 3, size, size] in 0..255, as clean-fid defines it: each
    channel as a floating-point Pillow image, antialiased bicubic, clipped but not rounded.
    """
    channels = image.cpu().flatten(0, 1).numpy().astype(np.float32)
    resized = [
        np.asarray(Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC))
        for c in channels
    ]
    stacked = torch.from_numpy(np.stack(resized)).clamp_(0, 255)
    return stacked.view(len(image), 3, size, size).to(image.device)


class BackboneExtractor(FeatureExtractor):
    """Mean-pooled features of a frozen timm backbone at one stride: not FID, never called so.

    A `second` one has figures of its own.
    """

    def __init__(
        self,
        backbone: str,
        weights: str,
        stride: int = 16,
        arguments: dict[str, bool | int | float | str] | None = None,
        drop: tuple[str, ...] = (),
        *,
        second: bool = False,
    ) -> None:
        from gan_color.models.backbones import Backbone, tensors_sha256

        super().__init__()
        ending = "_2" if second else ""
        self.key = f"backbone{ending}"
        self.frechet_key, self.kernel_key = f"frechet{ending}", f"kernel{ending}"
        if weights == "none" or (weights != "pretrained" and not Path(weights).is_file()):
            raise GanColorError(
                f"frechet: found no weights {weights!r}, expected 'pretrained' or the path of a "
                ".safetensors file: distances between random features mean nothing"
            )
        self.encoder = Backbone(backbone, weights, 3, dict(arguments or {}), drop)
        self.encoder.requires_grad_(False)
        if stride not in self.encoder.strides:
            raise GanColorError(
                f"frechet: {backbone} has no features of stride {stride}, "
                f"expected one of {self.encoder.strides}"
            )
        self.level = self.encoder.strides.index(stride)
        self.channels = self.encoder.channels[self.level]
        self.name = f"{backbone}, stride {stride}, mean-pooled"
        given = weights != "pretrained"
        self.weights_sha256 = sha256(Path(weights)) if given else tensors_sha256(self.encoder)
        self.eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        maps = self.encoder(to_float(image))
        features: Tensor = maps[self.level].mean(dim=(2, 3))
        return features.float()


class Lpips(nn.Module):
    """LPIPS v0.1 with AlexNet, by torchmetrics: Zhang et al. 2018, https://arxiv.org/abs/1801.03924.

    Two uint8 sRGB [B, 3, H, W] -> [B]; 0 for equal images. Raises GanColorError where AlexNet's
    weights cannot be had.
    """

    weights_sha256 = ALEXNET.sha256

    def __init__(self, alexnet: Path | None = None) -> None:
        super().__init__()
        weights = ALEXNET.load(alexnet)
        self.network = _NoTrainLpips(net="alex", pnet_rand=True)
        # torchvision's layers, dealt into slices that keep their numbers.
        state = {
            name: weights[f"features.{name.partition('.')[2]}"]
            for name in self.network.net.state_dict()
        }
        self.network.net.load_state_dict(state)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        first, second = (to_float(x) for x in (image, truth))
        distance: Tensor = self.network(first, second, normalize=True)
        return distance.flatten()


class ImageClassifier(nn.Module):
    """A frozen classifier: uint8 sRGB [B, 3, H, W] -> the likeliest class [B] int64.

    `name` is timm's, or "torchvision/" and torchvision's.

    Semantic interpretability: a classifier of photographs in color is asked what recolored ones
    show (Zhang et al. 2016, https://arxiv.org/abs/1603.08511, section 3.1). `weights`: "pretrained"
    or the path of a .safetensors file. Raises GanColorError.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, weights: str, arguments: dict[str, Any] | None = None) -> None:
        from gan_color.models.backbones import create_classifier, load_weights, tensors_sha256

        super().__init__()
        if weights == "none" or (weights != "pretrained" and not Path(weights).is_file()):
            raise GanColorError(
                f"--classifier-weights: found {weights!r}, expected 'pretrained' or the path of a "
                ".safetensors file"
            )
        pretrained = weights == "pretrained"
        if name.startswith(TORCHVISION):
            self.network = _torchvision_classifier(name, pretrained, arguments or {})
            normal = {"mean": IMAGENET_DEFAULT_MEAN, "std": IMAGENET_DEFAULT_STD}
        else:
            network = create_classifier(name, pretrained, arguments or {}, CLASSIFIER_SIZE)
            self.network, normal = network, vars(network)["default_cfg"]
        if not pretrained:
            load_weights(self.network, Path(weights))
        self.weights_sha256 = tensors_sha256(self.network) if pretrained else sha256(Path(weights))
        for part in ("mean", "std"):
            self.register_buffer(part, torch.tensor(normal[part]).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "ImageClassifier":
        return super().train(False)  # frozen: it never updates its statistics

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        size = (CLASSIFIER_SIZE, CLASSIFIER_SIZE)
        seen = F.interpolate(to_float(image), size, mode="bicubic", antialias=True).clamp(0, 1)
        classes: Tensor = self.network((seen - self.mean) / self.std).argmax(dim=1)
        return classes


def _torchvision_classifier(name: str, pretrained: bool, arguments: dict[str, Any]) -> nn.Module:
    from torchvision import models

    short, known = name.removeprefix(TORCHVISION), models.list_models(module=models)
    if short not in known:
        close = difflib.get_close_matches(short, known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(TORCHVISION + each for each in close)}?"
        raise GanColorError(
            f"--classifier: found {name!r}, expected a classifier of torchvision"
            f"{hint if close else ''}"
        )
    try:
        network: nn.Module = models.get_model(
            short, weights="DEFAULT" if pretrained else None, **arguments
        )
    except OSError as error:
        raise GanColorError(
            f"--classifier: could not download the weights of {name!r} ({error}); give "
            "--classifier-weights the path of a .safetensors file with torchvision's names"
        ) from None
    except TypeError as error:
        raise GanColorError(f"--classifier: torchvision cannot build {name!r}: {error}") from None
    return network
