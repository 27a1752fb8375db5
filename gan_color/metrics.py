"""Image quality, over pairs of coloured and true pictures. Units and ranges: gan_color.lab.

All read 8-bit sRGB [B, 3, H, W] (uint8), which is what a person gets to see.
"""

from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000
from torch import Tensor, nn

from gan_color import losses
from gan_color.errors import GanColorError
from gan_color.lab import rgb8_to_float, rgb_to_lab


def psnr(picture: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio [B] in dB; infinite for equal pictures."""
    error = (picture.float() - truth.float()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(255.0**2 / error)


def colorfulness(picture: Tensor) -> Tensor:
    """Colourfulness [B] as the literature counts it (gan_color.losses.colorfulness)."""
    return losses.colorfulness(rgb8_to_float(picture))


def delta_e2000(picture: Tensor, truth: Tensor) -> Tensor:
    """Mean CIEDE2000 colour difference [B] (Sharma et al. 2005), by scikit-image.

    One picture at a time and in float32, which is three times as fast as the batch in float64 and
    differs from it by 4e-5 at most.
    """
    first, second = (
        rgb_to_lab(rgb8_to_float(x)).permute(0, 2, 3, 1).cpu().numpy() for x in (picture, truth)
    )
    pairs = zip(first, second, strict=True)
    return torch.tensor([float(deltaE_ciede2000(a, b).mean(dtype=np.float64)) for a, b in pairs])


class FeatureStatistics:
    """Mean and covariance of feature vectors, added up in float64: memory does not grow with N."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.total = np.zeros(channels)
        self.products = np.zeros((channels, channels))

    def add(self, features: Tensor) -> None:
        """Add vectors [B, C]."""
        values = features.double().cpu().numpy()
        self.count += len(values)
        self.total += values.sum(axis=0)
        self.products += values.T @ values

    @property
    def mean(self) -> NDArray[np.float64]:
        """[C]"""
        mean: NDArray[np.float64] = self.total / self.count
        return mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        """[C, C], unbiased."""
        centred = self.products - self.count * np.outer(self.mean, self.mean)
        covariance: NDArray[np.float64] = centred / (self.count - 1)
        return covariance


def frechet_distance(first: FeatureStatistics, second: FeatureStatistics) -> float:
    """Frechet distance of two Gaussians: Heusel et al. 2017, https://arxiv.org/abs/1706.08500.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is the sum of the square
    roots of the eigenvalues of C1 C2, which are real and at least 0 also where a covariance is
    singular (fewer pictures than channels).
    """
    if min(first.count, second.count) < 2:
        raise GanColorError("frechet: found fewer than 2 pictures, expected at least 2")
    c1, c2 = first.covariance, second.covariance
    eigenvalues = scipy.linalg.eigvals(c1 @ c2).real
    root_trace = np.sqrt(eigenvalues.clip(min=0)).sum()
    shift = first.mean - second.mean
    return float(shift @ shift + np.trace(c1) + np.trace(c2) - 2 * root_trace)


class BackboneFeatures(nn.Module):
    """Pooled features of a frozen timm backbone at one stride: the space of a Frechet distance.

    Not FID, whose space is the TensorFlow Inception network's. sRGB uint8 [B, 3, H, W] -> [B, C].
    """

    def __init__(
        self,
        backbone: str,
        weights: str,
        stride: int = 16,
        arguments: dict[str, bool | int | float | str] | None = None,
        drop: tuple[str, ...] = (),
    ) -> None:
        from gan_color.models.encoder import Encoder

        super().__init__()
        if weights == "none" or (weights != "pretrained" and not Path(weights).is_file()):
            raise GanColorError(
                f"frechet: found no weights {weights!r}, expected 'pretrained' or the path of a "
                ".safetensors file: distances between random features mean nothing"
            )
        self.encoder = Encoder(backbone, weights, 3, dict(arguments or {}), drop)
        self.encoder.requires_grad_(False).eval()
        if stride not in self.encoder.strides:
            raise GanColorError(
                f"frechet: {backbone} has no features of stride {stride}, "
                f"expected one of {self.encoder.strides}"
            )
        self.level = self.encoder.strides.index(stride)
        self.channels = self.encoder.channels[self.level]
        self.name = f"{backbone}, stride {stride}, mean-pooled"

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Tensor:
        maps = self.encoder(rgb8_to_float(picture))
        features: Tensor = maps[self.level].mean(dim=(2, 3))
        return features
