"""Chroma from the render size to the photo's, along the edges of the photo's lightness.

A guided filter says that chroma is linear in lightness within each small window (He, Sun, Tang
2013, https://doi.org/10.1109/TPAMI.2012.213, equations 5 and 6), fitted at the small size and
applied at the large one (https://arxiv.org/abs/1505.00996). Alone it loses to bicubic enlargement,
because it also smooths; two steps of back-projection (Irani and Peleg 1991) give back what reducing
the result again shows to be missing, and then it wins: docs/colorize.md has the figures. All that
is enlarged is linear coefficients, so that a strip of rows costs what those rows cost.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 100.0 / 50.0**2  # variance of L below which a window counts as flat: 10 L* squared
STEPS = 2
MIDDLE = 2  # back-projection looks at this many times the render size
CUBIC = -0.5  # the kernel of Pillow's bicubic filter, and of torch's antialiased one


def bicubic(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x [B, C, h, w] at (H, W), larger or smaller.

    Antialiasing changes nothing where a photo is enlarged but the kernel, and is several times
    faster on a CPU.
    """
    return F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False)


def box(x: Tensor) -> Tensor:
    """Mean of each window of 3 x 3 pixels; x [B, C, h, w]. Sums take a tenth of pooling's time."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    return (x[..., :-2] + x[..., 1:-1] + x[..., 2:]) / 9


def fit_coefficients(ab: Tensor, L: Tensor, middle: Tensor) -> Tensor:
    """Coefficients [1, 4, h, w]: the slopes of a and b in L, then their offsets.

    ab [1, 2, h, w] and L [1, 1, h, w] are at the render size; `middle` [1, 1, H, W] is the same
    photo's L at a larger one. All in -1..1.
    """
    mean_L, mean_ab = box(L), box(ab)
    covariance = box(L * ab) - mean_L * mean_ab
    slope = covariance / (box(L * L) - mean_L * mean_L + EPSILON)
    offset = box(mean_ab - slope * mean_L)
    slope = box(slope)
    size = (middle.shape[-2], middle.shape[-1])
    along_edges = bicubic(slope, size) * middle
    for _ in range(STEPS):
        again = bicubic(along_edges + bicubic(offset, size), (ab.shape[-2], ab.shape[-1]))
        offset = offset + ab - again
    return torch.cat((slope, offset), dim=1)


def cubic_taps(places: Tensor, small: int, large: int) -> tuple[Tensor, Tensor]:
    """Where bicubic enlargement of `small` positions to `large` reads for `places` [N] of the large
    ones: indices and weights, [N, 4] each.
    """
    at = (places + 0.5) * small / large - 0.5
    taps = at.floor()[:, None] + torch.arange(-1, 3)
    distance = (at[:, None] - taps).abs()
    inner = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
    outer = ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
    # Positions that do not exist count nothing, and the others make up for them.
    kernel = torch.where(distance <= 1, inner, outer) * ((taps >= 0) & (taps < small))
    return taps.long().clamp(0, small - 1), kernel / kernel.sum(dim=1, keepdim=True)


class GuidedUpsampler:
    """Chroma of a photo of H x W pixels, a strip of rows at a time."""

    def __init__(self, coefficients: Tensor, size: tuple[int, int]) -> None:
        self.height, width = size
        # Columns first, once: the rows of the render size at full width are few.
        self.wide = bicubic(coefficients, (coefficients.shape[-2], width))

    def rows(self, top: int, L: Tensor) -> Tensor:
        """ab [1, 2, S, W] in -1..1 for the rows of L [1, 1, S, W], which begin at row `top`."""
        first, weights = self._weights(top, L.shape[-2])
        strip = weights @ self.wide[..., first : first + weights.shape[1], :]
        return (strip[:, :2] * L + strip[:, 2:]).clamp(-1, 1)

    def _weights(self, top: int, count: int) -> tuple[int, Tensor]:
        """The first row of the render size that `count` rows need, and the weights [count, n]."""
        taps, kernel = cubic_taps(torch.arange(top, top + count), self.wide.shape[-2], self.height)
        first = int(taps.min())
        weights = torch.zeros(count, int(taps.max()) - first + 1)
        weights.scatter_add_(1, taps - first, kernel)
        return first, weights.to(self.wide.device)
