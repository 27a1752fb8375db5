"""How far a hinted color goes: along the photo's lightness, and hardly across its edges.

After Levin et al. 2004, "Colorization using Optimization" (neighbors of like lightness have like
color), as a prediction of what a model got wrong: at a hinted point its error is known, and errors
of two points are the more alike the shorter the way between them, where every step costs its length
and the change of lightness along it (geodesic distance, as Yatziv and Sapiro 2006). What is laid on
is what a Gaussian process predicts from the points' errors, with a Matern 3/2 covariance over that
distance: it stays near 1 within an object and falls off behind.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

GRID = 96  # cells of the shorter side that ways are looked for on
STEEP = 4.0  # length, in shorter sides, that a change of 1 in L (50 L*) is worth
REACH = 0.6  # way, in shorter sides, after which errors are alike to 2 / e
WHOLE = 0.1  # share of an error's square common to all of a picture, which one point cannot tell
NOISE = 0.1  # share of an error's square that is a point's own: points of one place do not fight
# What a U-Net makes of points has errors that are not alike along ways; of its answer without them
# they are. By PSNR 0.3 is better than 0 up to 5 points, 0 from 10 on: `python -m benchmarks hints`.
HEARD = 0.3
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def spread_hints(ab: Tensor, L: Tensor, rows: Tensor, columns: Tensor, wanted: Tensor) -> Tensor:
    """ab [1, 2, h, w], drawn towards the colors wanted [2, P] of P pixels as far as L [1, 1, h, w]
    resembles theirs; float32, on the CPU. The pixels themselves come near, not exactly there.
    """
    if not len(rows):
        return ab
    height, width = L.shape[-2:]
    scale = min(1.0, GRID / min(height, width))
    cells = max(2, round(scale * height)), max(2, round(scale * width))
    coarse = F.interpolate(L, cells, mode="area")[0, 0]
    nodes = (rows * cells[0] // height) * cells[1] + columns * cells[1] // width
    ways = torch.from_numpy(_ways(coarse.numpy(), nodes.numpy())).float() / REACH
    whole = WHOLE * (1 - 1 / len(nodes))
    alike = whole + (1 - whole) * (1 + ways) * torch.exp(-ways)  # [P, cells]
    missing = wanted - ab[0][:, rows, columns]
    amplitudes = missing @ _inverse(alike[:, nodes])
    change = (amplitudes @ alike).view(1, 2, *cells)
    return ab + F.interpolate(change, (height, width), mode="bilinear")


def start_of_spread(told: Tensor, untold: Tensor) -> Tensor:
    """What points are spread on: of a model's ab that was told of them a share, HEARD, and of its
    ab that was not the rest.
    """
    return HEARD * told + (1 - HEARD) * untold


def _inverse(covariance: Tensor) -> Tensor:
    """Of the covariance [P, P] with its noise. Over ways around edges it may have directions of a
    negative variance, which is none.
    """
    variances, directions = torch.linalg.eigh((covariance + covariance.T) / 2)
    found: Tensor = (directions / (variances.clamp(min=0) + NOISE)) @ directions.T
    return found


def _ways(L: NDArray[np.float32], nodes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cheapest way from each of the nodes [P] to each cell of L [h, w]: [P, h * w]."""
    height, width = L.shape
    number = np.arange(L.size).reshape(L.shape)
    starts, ends, costs = [], [], []
    for down, right in STEPS:
        here = np.s_[: height - down, max(0, -right) : width - max(0, right)]
        there = np.s_[down:, max(0, right) : width + min(0, right)]
        length = np.hypot(down, right) / min(height, width)
        starts.append(number[here].ravel())
        ends.append(number[there].ravel())
        costs.append(np.hypot(length, STEEP * (L[here] - L[there])).ravel())
    places = np.concatenate(starts), np.concatenate(ends)
    graph = coo_array((np.concatenate(costs), places), shape=(L.size, L.size)).tocsr()
    found: NDArray[np.float64] = dijkstra(graph, directed=False, indices=nodes)
    return found
