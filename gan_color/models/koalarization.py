"""Deep Koalarization: Baldassarre, Gonzalez Morin and Rodes-Guirao 2017,
https://arxiv.org/abs/1712.03400; the tutorial's "full" version of it,
https://github.com/emilwallner/Coloring-greyscale-images; and that on Xception,
https://github.com/bluejurand/Photos-colorization (model_creation.py at 60931f6).

An encoder and a decoder with the output of a pretrained classifier fused in between. Layers and
constants are those of https://github.com/baldassarreFe/deep-koalarization. Stages of a faithful
training have `freeze_encoder: true`: the classifier never learns.
"""

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan_color.color.lab import AB_SCALE, gray_value
from gan_color.models.backbones import create_classifier, load_weights
from gan_color.models.base import Batch, Colorizer, ModelOptions, check_multiple
from gan_color.models.layers import zero_bias
from gan_color.options import WeightsPath

STRIDE = 8


def _convolution(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    nn.init.xavier_uniform_(conv.weight)  # Keras' default
    zero_bias(conv)
    return nn.Sequential(conv, nn.ReLU(inplace=True))


def _decoder(kind: Literal["paper", "full", "extended"], w: int) -> nn.Sequential:
    """Fused features [B, 4 w, H / 8, W / 8] -> the tanh of ab [B, 2, H, W]."""
    up = nn.Upsample(scale_factor=2, mode="nearest")
    first = [_convolution(4 * w, 4 * w)] if kind == "extended" else []
    if kind == "full":
        last = w // 4
        middle = [up, _convolution(2 * w, w), up, _convolution(w, w // 2)]
        middle.append(_convolution(w // 2, last))
    else:
        last = w // 2
        middle = [up, _convolution(2 * w, w), _convolution(w, w), up, _convolution(w, last)]
    head = nn.Conv2d(last, 2, 3, padding=1)
    return nn.Sequential(*first, _convolution(4 * w, 2 * w), *middle, head, nn.Tanh(), up)


class KoalarizationOptions(ModelOptions):
    """Options; the defaults are the paper's."""

    base_channels: int = Field(64, ge=4, description="channels of the first convolution")
    classifier: str = Field("inception_resnet_v2", description="any timm classifier")
    classifier_weights: WeightsPath = Field(
        "pretrained", description="pretrained | none | a file's path"
    )
    classifier_kwargs: dict[str, bool | int | float | str] = Field(
        {}, description="passed to timm.create_model; num_classes: 0 embeds by pooled features"
    )
    classifier_size: int = Field(299, ge=32, description="side at which the classifier looks")
    embedding: Literal["logits", "softmax"] = "logits"
    decoder: Literal["paper", "full", "extended"] = Field(
        "paper", description="full: the tutorial's; extended: Photos-colorization's, one more layer"
    )
    ab_range: float = Field(127.0, gt=0, description="a*, b* of an output of 1; full: 128")
    lightness: Literal["signed", "raw"] = Field("signed", description="-1..1 | 0..100")
    classifier_input: Literal["gray", "raw"] = Field(
        "gray",
        description="what the classifier expects | L* 0..100 as it is, Photos-colorization's fault",
    )
    cache: int = Field(
        0,
        ge=0,
        description="embeddings kept in memory; pays where crops do not vary, unless compiled",
    )

    def for_inference(self) -> "KoalarizationOptions":
        return self.model_copy(update={"classifier_weights": "none", "cache": 0})


class Koalarization(Colorizer[KoalarizationOptions]):
    """L, and what a classifier sees in it -> ab."""

    paper = "https://arxiv.org/abs/1712.03400"
    needs = "a pretrained timm classifier"
    Options: ClassVar[type[ModelOptions]] = KoalarizationOptions
    mean: Tensor
    std: Tensor

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        common = {"classifier_weights": "none"}
        xception = {
            "classifier": "legacy_xception",
            "embedding": "softmax",
            "decoder": "extended",
            "ab_range": 128.0,
            "lightness": "raw",
            "classifier_input": "raw",
        }
        return {"irv2": common, "xception": {**xception, **common}}

    def __init__(self, options: KoalarizationOptions) -> None:
        super().__init__(options)
        self.stride = STRIDE
        pretrained = options.classifier_weights == "pretrained"
        self.classifier = create_classifier(
            options.classifier,
            pretrained,
            dict(options.classifier_kwargs),
            options.classifier_size,
        )
        if options.classifier_weights not in ("pretrained", "none"):
            load_weights(self.classifier, Path(options.classifier_weights))
        classifier: Any = self.classifier  # timm adds what nn.Module does not declare
        for name in ("mean", "std"):
            value = torch.tensor(classifier.default_cfg[name]).view(1, 3, 1, 1)
            self.register_buffer(name, value)
        embedded = classifier.num_classes or classifier.num_features
        w = options.base_channels
        self.encoder = nn.Sequential(
            _convolution(1, w, 2),
            _convolution(w, 2 * w),
            _convolution(2 * w, 2 * w, 2),
            _convolution(2 * w, 4 * w),
            _convolution(4 * w, 4 * w, 2),
            _convolution(4 * w, 8 * w),
            _convolution(8 * w, 8 * w),
            _convolution(8 * w, 4 * w),
        )
        self.fusion = _convolution(4 * w + embedded, 4 * w, kernel=1)
        self.decoder = _decoder(options.decoder, w)
        self._cache: dict[bytes, Tensor] = {}

    def forward(self, L: Tensor) -> Tensor:
        """L [B, 1, H, W] -> the tanh of the head [B, 2, H, W]; H and W multiples of 8."""
        check_multiple(L, STRIDE, "koalarization")
        x = self.encoder(50 * (L + 1) if self.options.lightness == "raw" else L)
        embedding = self.embedding(L)[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        out: Tensor = self.decoder(self.fusion(torch.cat((x, embedding.to(x.dtype)), dim=1)))
        return out

    def embedding(self, L: Tensor) -> Tensor:
        """What the classifier says of L [B, 1, H, W]: [B, classes].

        A frozen classifier's outputs are cached by the image's content where `cache` is above 0.
        """
        frozen = not any(p.requires_grad for p in self.classifier.parameters())
        if frozen and self.options.cache and not torch.compiler.is_compiling():
            return torch.stack([self._cached(image) for image in L])
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            return self._classify(L)

    def _cached(self, L: Tensor) -> Tensor:
        key = hashlib.blake2b(
            L.float().contiguous().cpu().numpy().tobytes(), digest_size=16
        ).digest()
        found = self._cache.get(key)
        if found is None:
            # One at a time and in float32: a resumed run, whose batches meet an empty cache
            # elsewhere, gets the same bits.
            with torch.no_grad(), torch.autocast(L.device.type, enabled=False):
                found = self._classify(L[None])[0].cpu()
            if len(self._cache) < self.options.cache:
                self._cache[key] = found
        return found.to(L.device)

    def _classify(self, L: Tensor) -> Tensor:
        """The image's gray as RGB, the longer side resized to the classifier's, and padded."""
        size = self.options.classifier_size
        height, width = L.shape[-2:]
        longer = max(height, width)
        inner = (max(1, height * size // longer), max(1, width * size // longer))
        raw = self.options.classifier_input == "raw"
        seen = F.interpolate(50 * (L + 1) if raw else gray_value(L), inner, mode="bilinear")
        rgb = seen.expand(-1, 3, -1, -1)
        if not raw:
            rgb = (rgb - self.mean) / self.std
        top, left = (size - inner[0]) // 2, (size - inner[1]) // 2
        padding = (left, size - inner[1] - left, top, size - inner[0] - top)
        logits: Tensor = self.classifier(F.pad(rgb, padding)).float()
        return logits.softmax(dim=1) if self.options.embedding == "softmax" else logits

    def decode(self, output: Tensor) -> Tensor:
        return (output.float() * (self.options.ab_range / AB_SCALE)).clamp(-1, 1)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error in the scale of the output (equation 1)."""
        return {"pixel": F.mse_loss(output.float(), batch.ab * (AB_SCALE / self.options.ab_range))}

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """The classifier, the rest."""
        rest = [p for name, p in self.named_parameters() if not name.startswith("classifier.")]
        return [list(self.classifier.parameters()), rest]

    def pretrained_modules(self) -> list[nn.Module]:
        return [self.classifier]
