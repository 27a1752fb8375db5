"""Perceptual loss: L1 between features of a frozen network, Johnson et al. 2016."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_color.errors import GanColorError


class PerceptualLoss(nn.Module):
    """L1 between a frozen backbone's features of two images: Johnson et al. 2016,
    https://arxiv.org/abs/1603.08155. Without `weights`, those of the maps from shallow to deep
    double, and sum to 1.

    `features` maps sRGB [B, 3, H, W] in 0..1 to a list of feature maps.
    """

    def __init__(self, features: nn.Module, weights: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.weights = weights
        self.features = features.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "PerceptualLoss":
        return super().train(False)  # frozen: it never updates its statistics

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Both sRGB [B, 3, H, W] in 0..1; gradients reach `prediction` only."""
        with torch.no_grad():
            wanted = self.features(target)
        found = self.features(prediction)
        doubling = [2.0**i / (2.0 ** len(found) - 1) for i in range(len(found))]
        if self.weights and len(self.weights) != len(found):
            raise GanColorError(
                f"perceptual.layer_weights: found {len(self.weights)} numbers, expected "
                f"{len(found)}, one for each map"
            )
        total = torch.zeros((), device=prediction.device)
        for weight, f, w in zip(self.weights or doubling, found, wanted, strict=True):
            total = total + weight * F.l1_loss(f.float(), w.float())
        return total
