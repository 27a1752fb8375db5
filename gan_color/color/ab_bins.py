"""The 313 quantized ab colors of Zhang et al. 2016 (https://arxiv.org/abs/1603.08511), and
class rebalancing with them (section 2.2).

The paper's list is rebuilt from its geometry rather than shipped: take the convex hull of the
sRGB gamut in the ab plane (all lightnesses together), cut the plane into cells of 10 x 10, keep
every cell the hull overlaps; the bins are the corners of those cells, a* ascending, then b*.
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from torch import Tensor

from gan_color.color.lab import AB_SCALE, rgb_to_lab

GRID_STEP = 10  # section 2.2: grid size 10
GRID_LIMIT = 110  # the grid runs -110..110 on both axes
GRID_SIDE = 2 * GRID_LIMIT // GRID_STEP + 1
BIN_COUNT = 313  # section 2.2
PRIOR_SIGMA = 5.0  # section 2.2: the empirical distribution is smoothed with a Gaussian of 5


def _srgb_ab_points(levels: int = 33) -> NDArray[np.float64]:
    # The device is named: models are also built inside `torch.device("meta")`.
    axis = torch.linspace(0, 1, levels, dtype=torch.float64, device="cpu")
    r, g, b = torch.meshgrid(axis, axis, axis, indexing="ij")
    lab = rgb_to_lab(torch.stack((r, g, b)).reshape(1, 3, 1, -1))
    points: NDArray[np.float64] = lab[0, 1:, 0].T.numpy()
    return points


@cache
def ab_bins() -> Tensor:
    """The 313 bin centers [313, 2] as float32 a*, b* (unscaled), in the official order."""
    points = _srgb_ab_points()
    hull = ConvexHull(points)
    axis = np.arange(-GRID_LIMIT, GRID_LIMIT + 1, GRID_STEP)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    # The open square (p - 10, p + 10)^2 meets the hull unless an edge or a side separates them.
    normals, offsets = hull.equations[:, :2], hull.equations[:, 2]
    nearest = grid @ normals.T + offsets - GRID_STEP * np.abs(normals).sum(axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    inside_box = ((grid + GRID_STEP > low) & (grid - GRID_STEP < high)).all(axis=1)
    return torch.from_numpy(grid[(nearest < 0).all(axis=1) & inside_box]).float()


@cache
def bin_of_grid_point() -> Tensor:
    """[23 * 23] int64: for each point of the grid of a* and b* (-110 to 110, step 10) the index of
    the nearest bin.
    """
    axis = torch.arange(-GRID_LIMIT, GRID_LIMIT + 1, GRID_STEP, device="cpu").float()
    grid = torch.cartesian_prod(axis, axis)
    return torch.cdist(grid, ab_bins()).argmin(dim=1)


def nearest_bin(ab: Tensor) -> Tensor:
    """Index of the nearest bin, [B, H, W] int64, for scaled ab [B, 2, H, W] in -1..1."""
    grid = ((ab.float() * AB_SCALE + GRID_LIMIT) / GRID_STEP).round().long()
    grid = grid.clamp_(0, GRID_SIDE - 1)
    return bin_of_grid_point().to(ab.device)[grid[:, 0] * GRID_SIDE + grid[:, 1]]


def soft_encode(ab: Tensor, neighbors: int, sigma: float) -> tuple[Tensor, Tensor]:
    """The nearest bins of each color and their shares (section 2.1), nearest first.

    Scaled ab [B, 2, H, W] -> indices int64 and shares float32, both [B, neighbors, H, W]. Shares
    follow a Gaussian of `sigma` (in units of a*, b*) on the distance, and sum to 1.
    """
    points = (ab.float() * AB_SCALE).permute(0, 2, 3, 1)  # [B, H, W, 2]
    # The default would find distances by matrix products, which lose digits between near points.
    distance = torch.cdist(
        points.flatten(0, 2), ab_bins().to(ab.device), compute_mode="donot_use_mm_for_euclid_dist"
    )
    near, index = distance.topk(neighbors, dim=1, largest=False)
    share = (-near.square() / (2 * sigma**2)).softmax(dim=1)
    shape = (*points.shape[:3], neighbors)
    return index.view(shape).permute(0, 3, 1, 2), share.view(shape).permute(0, 3, 1, 2)


def bin_histogram(ab: Tensor) -> Tensor:
    """How many pixels of scaled ab [B, 2, H, W] fall into each bin: [313] float64."""
    return torch.bincount(nearest_bin(ab).flatten(), minlength=BIN_COUNT).double().cpu()


def bin_shares(ab: Tensor) -> Tensor:
    """The share of each image's pixels that falls into each bin, [B, 313] float32, for scaled ab
    [B, 2, H, W].
    """
    bins = nearest_bin(ab).flatten(1)
    counts = torch.zeros(len(ab), BIN_COUNT, device=ab.device)
    counts.scatter_add_(1, bins, torch.ones_like(bins, dtype=counts.dtype))
    return counts / bins.shape[1]


def smooth_prior(histogram: Tensor) -> Tensor:
    """The bins' probabilities [313], from counts [313], smoothed with sigma 5 in the ab plane."""
    bins = ab_bins().long()
    rows, columns = ((bins + GRID_LIMIT) // GRID_STEP).numpy().T
    plane = np.zeros((GRID_SIDE, GRID_SIDE))
    plane[rows, columns] = histogram.numpy()
    smooth = gaussian_filter(plane, PRIOR_SIGMA / GRID_STEP, mode="constant")[rows, columns]
    return torch.from_numpy(smooth / smooth.sum())


def class_weights(prior: Tensor, uniform: float = 0.5, cap: float | None = None) -> Tensor:
    """Rebalancing weight of each bin, [313] float32, of mean 1 under the prior (equation 4).

    `uniform` is the paper's lambda, the share of a uniform distribution mixed in: 1 turns
    rebalancing off. `cap` bounds the largest weight, before the mean is made 1 again.
    """
    occupied = prior > 0
    mixed = (1 - uniform) * prior + uniform * occupied / occupied.sum()
    weights = torch.where(occupied, 1.0 / mixed.clamp(min=1e-12), 0.0)
    weights = weights / (prior * weights).sum()
    if cap is not None:
        weights = weights.clamp(max=cap)
        weights = weights / (prior * weights).sum()
    return weights.float()
