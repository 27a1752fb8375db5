"""Distances between two sets of feature vectors [N, C], and how sure they are.

The vectors may be memory-mapped: moments are added up in blocks, and the kernel distance reads
subsets, so that memory does not grow with N.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from gan_color.errors import GanColorError

Features = NDArray[np.float32]
Interval = tuple[float, float]
BLOCK = 4096
KERNEL_SUBSETS = 100  # KID's usual 100 subsets of at most 1,000
KERNEL_SUBSET_SIZE = 1000
HALVES = 20
NORMAL_95 = 1.959964


class Moments(NamedTuple):
    """Mean [C] and unbiased covariance [C, C], float64."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def moments(features: Features, rows: NDArray[np.intp] | None = None) -> Moments:
    """Moments of the vectors, or of the chosen rows. At least two are needed."""
    count = len(features) if rows is None else len(rows)
    if count < 2:
        raise GanColorError(f"frechet: found {count} images, expected at least 2")
    channels = features.shape[1]
    # Added up around the first vector, so that large means cost no digits.
    origin = features[0].astype(np.float64)
    total, products = np.zeros(channels), np.zeros((channels, channels))
    for start in range(0, count, BLOCK):
        part = (
            features[start : start + BLOCK]
            if rows is None
            else features[rows[start : start + BLOCK]]
        )
        values = part.astype(np.float64) - origin
        total += values.sum(axis=0)
        products += values.T @ values
    shift = total / count
    covariance = (products - count * np.outer(shift, shift)) / (count - 1)
    return Moments(origin + shift, covariance)


def frechet_distance(first: Moments, second: Moments) -> float:
    """Frechet distance of two Gaussians: Heusel et al. 2017, https://arxiv.org/abs/1706.08500.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). With R a symmetric root of C1, the trace of the
    last term is that of (R C2 R)^(1/2): symmetric and positive, so it holds where a covariance is
    singular (fewer images than channels), where the general square root breaks down.
    """
    values, vectors = scipy.linalg.eigh(first.covariance)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    inner = scipy.linalg.eigvalsh(root @ second.covariance @ root)
    shift = first.mean - second.mean
    distance = (
        shift @ shift
        + np.trace(first.covariance)
        + np.trace(second.covariance)
        - 2 * np.sqrt(inner.clip(min=0)).sum()
    )
    return max(0.0, float(distance))


def half_samples(
    figure: Callable[[NDArray[np.intp]], float], value: float, count: int, seed: int
) -> Interval:
    """A 95 % interval of a set's figure, from its spread over random halves of the images.

    Drawn without replacement, the figure of one half varies around that of all N as the figure of
    all N does around the population's; a bootstrap would draw doubles, which such distances take
    for a narrower distribution.
    """
    generator = np.random.default_rng(seed)
    half = max(2, count // 2)
    found = [
        figure(np.sort(generator.permutation(count)[:half]).astype(np.intp)) for _ in range(HALVES)
    ]
    margin = NORMAL_95 * float(np.std(found, ddof=1))
    return value - margin, value + margin


def frechet_with_interval(first: Features, second: Features, seed: int) -> tuple[float, Interval]:
    """Frechet distance of paired sets of vectors, and its 95 % interval."""

    def figure(rows: NDArray[np.intp]) -> float:
        return frechet_distance(moments(first, rows), moments(second, rows))

    value = frechet_distance(moments(first), moments(second))
    low, high = half_samples(figure, value, len(first), seed)
    return value, (max(0.0, low), high)


def kernel_with_interval(first: Features, second: Features, seed: int) -> tuple[float, Interval]:
    """Unbiased squared MMD with KID's cubic kernel (Binkowski et al. 2018,
    https://arxiv.org/abs/1801.01401) by torch-fidelity, over 100 subsets, and its 95 % interval.

    A subset is m = min(1000, N / 2) images of one set against m *other* images of the second:
    the sets here predict the same photographs, and pairs in common would pull the distance
    below 0. The subsets' spread, times ((m/N) / (1 - m/N))^(1/2), is that of the whole.
    """
    count = min(len(first), len(second))
    if count < 4:
        raise GanColorError(f"kernel distance: found {count} images, expected at least 4")
    size = min(KERNEL_SUBSET_SIZE, count // 2)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(KERNEL_SUBSETS):
        rows = generator.permutation(count)[: 2 * size]
        here, there = np.sort(rows[:size]), np.sort(rows[size:])
        distance = kid_features_to_metric(
            torch.from_numpy(first[here]),
            torch.from_numpy(second[there]),
            kid_subsets=1,
            kid_subset_size=size,
            verbose=False,
        )
        found.append(distance[KEY_METRIC_KID_MEAN])
    share = size / count
    value = float(np.mean(found))
    margin = NORMAL_95 * float(np.std(found)) * float(np.sqrt(share / (1 - share)))
    return value, (value - margin, value + margin)
