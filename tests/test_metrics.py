"""Figures against closed forms and independent computations."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from gan_color import metrics
from gan_color.errors import GanColorError


def pictures(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (2, 3, 24, 24), generator=generator, dtype=torch.uint8)


def test_psnr_agrees_with_scikit_image():
    a, b = pictures(0), pictures(1)
    expected = [peak_signal_noise_ratio(x.numpy(), y.numpy()) for x, y in zip(a, b, strict=True)]
    assert np.allclose(metrics.psnr(a, b).numpy(), expected, atol=1e-4)


def test_delta_e2000_agrees_with_scikit_image_in_float64():
    a, b = pictures(0), pictures(1)
    first, second = (rgb2lab(x.permute(0, 2, 3, 1).numpy() / 255.0) for x in (a, b))
    expected = deltaE_ciede2000(first, second).mean(axis=(1, 2))
    assert np.allclose(metrics.delta_e2000(a, b).numpy(), expected, atol=1e-3)


def test_equal_pictures_have_no_colour_difference_and_infinite_psnr():
    a = pictures(0)
    assert torch.all(metrics.delta_e2000(a, a) == 0)
    assert torch.isinf(metrics.psnr(a, a)).all()


def test_delta_e_of_a_known_pair():
    # Sharma et al. 2005 give 100 for black against white by the formula's lightness term.
    black = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    assert float(metrics.delta_e2000(black, black + 255)) == pytest.approx(100, abs=0.01)


def statistics(values: np.ndarray) -> metrics.FeatureStatistics:
    found = metrics.FeatureStatistics(values.shape[1])
    for part in np.array_split(values, 3):
        found.add(torch.from_numpy(part))
    return found


def test_feature_statistics_agree_with_numpy():
    values = np.random.default_rng(0).normal(size=(50, 4)) * 3 + 1
    found = statistics(values)
    assert np.allclose(found.mean, values.mean(axis=0))
    assert np.allclose(found.covariance, np.cov(values.T))


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form():
    generator = np.random.default_rng(0)
    a = generator.normal(size=(400, 3))
    a = (a - a.mean(0)) / a.std(0, ddof=1)
    b = a * np.array([2.0, 3.0, 1.0]) + np.array([1.0, 0.0, 2.0])
    root = np.linalg.cholesky(np.cov(a.T))
    white = a @ np.linalg.inv(root).T  # covariance exactly 1
    scaled = white * np.array([2.0, 3.0, 1.0]) + np.array([1.0, 0.0, 2.0])
    found = metrics.frechet_distance(statistics(white), statistics(scaled))
    assert found == pytest.approx(1 + 4 + (2 - 1) ** 2 + (3 - 1) ** 2, rel=1e-6)
    assert metrics.frechet_distance(statistics(a), statistics(a)) == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(statistics(a), statistics(b)) > 1


def test_frechet_distance_survives_fewer_pictures_than_channels():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(5, 20)), generator.normal(size=(5, 20)) + 1
    same = metrics.frechet_distance(statistics(a), statistics(a))
    assert same == pytest.approx(0, abs=1e-5)
    assert metrics.frechet_distance(statistics(a), statistics(b)) > 1


def test_frechet_refuses_random_features():
    with pytest.raises(GanColorError, match="random features"):
        metrics.BackboneFeatures("resnet18", "none")
    with pytest.raises(GanColorError, match=r"missing\.safetensors"):
        metrics.BackboneFeatures("resnet18", "missing.safetensors")
