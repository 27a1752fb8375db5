"""Distances between sets of vectors against closed forms and other people's code."""

import cleanfid.fid
import numpy as np
import pytest
import scipy.linalg
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from gan_color.errors import GanColorError
from gan_color.evaluation import distances
from gan_color.evaluation.distances import (
    frechet_distance,
    frechet_with_interval,
    half_samples,
    kernel_with_interval,
    moments,
)


def vectors(seed: int, count: int = 300, channels: int = 8, shift: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(channels, channels))
    return (generator.normal(size=(count, channels)) @ mix + shift).astype(np.float32)


def test_moments_agree_with_numpy_block_by_block(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 7)
    values = vectors(0, 50) + 1000.0
    found = moments(values)
    assert np.allclose(found.mean, values.mean(axis=0, dtype=np.float64))
    assert np.allclose(found.covariance, np.cov(values.astype(np.float64).T), rtol=1e-6)
    rows = np.array([1, 4, 9, 30, 31, 32, 33, 47, 48])
    assert np.allclose(moments(values, rows).covariance, np.cov(values[rows].astype(float).T))
    with pytest.raises(GanColorError, match="found 1 images"):
        moments(values[:1])


def test_frechet_distance_equals_torch_fidelitys_and_clean_fids(monkeypatch):
    first, second = vectors(0), vectors(1, shift=0.5)
    found = frechet_distance(moments(first), moments(second))
    theirs = fid_statistics_to_metric(
        *(fid_features_to_statistics(torch.from_numpy(x.astype(float))) for x in (first, second)),
        verbose=False,
    )
    assert found == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    statistics = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second)]
    # clean-fid 0.1.35 unpacks what scipy.linalg.sqrtm gave with `disp`; scipy 1.18 has no `disp`.
    sqrtm = scipy.linalg.sqrtm
    monkeypatch.setattr("cleanfid.fid.linalg.sqrtm", lambda matrix, disp: (sqrtm(matrix), None))
    clean = cleanfid.fid.frechet_distance(*statistics[0], *statistics[1])
    assert found == pytest.approx(float(clean), rel=1e-4)


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form():
    a = np.random.default_rng(0).normal(size=(400, 3))
    white = (a - a.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(a.T))).T
    scaled = white * np.array([2.0, 3.0, 1.0]) + np.array([1.0, 0.0, 2.0])
    found = frechet_distance(moments(white), moments(scaled))
    assert found == pytest.approx(1 + 4 + (2 - 1) ** 2 + (3 - 1) ** 2, rel=1e-6)
    assert frechet_distance(moments(white), moments(white)) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_survives_fewer_images_than_channels():
    a, b = vectors(0, 5, 20), vectors(1, 5, 20, shift=1.0)
    assert frechet_distance(moments(a), moments(a)) == pytest.approx(0, abs=1e-4)
    theirs = fid_statistics_to_metric(
        *(fid_features_to_statistics(torch.from_numpy(x.astype(float))) for x in (a, b)),
        verbose=False,
    )["frechet_inception_distance"]
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(theirs, rel=1e-3)


def test_kernel_distance_agrees_with_clean_fids():
    first, second = vectors(0), vectors(1, shift=0.7)
    value, (low, high) = kernel_with_interval(first, second, seed=0)
    np.random.seed(0)
    theirs = cleanfid.fid.kernel_distance(first, second, num_subsets=20)
    assert value == pytest.approx(theirs, rel=0.05)
    assert low < theirs < high
    assert low > 0  # a real shift is told from none
    # Two draws of the same thing, and the very same images.
    for other in (vectors(2), vectors(0)):
        _, (low, high) = kernel_with_interval(vectors(0), other, seed=0)
        assert low < 0 < high
    with pytest.raises(GanColorError, match="found 3 images"):
        kernel_with_interval(first[:3], second[:3], seed=0)


def test_halves_vary_as_the_whole_does():
    values = np.random.default_rng(0).normal(size=2000)
    low, high = half_samples(lambda rows: float(values[rows].mean()), 0.0, len(values), seed=1)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(2000), rel=0.4)  # 20 halves only


def test_the_interval_of_a_frechet_distance_holds_the_value():
    value, (low, high) = frechet_with_interval(vectors(0), vectors(1, shift=0.5), seed=0)
    assert 0 <= low < value < high < 2 * value
