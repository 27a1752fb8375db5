"""Figures of single images against closed forms and independent computations."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gan_color.evaluation import metrics


def images(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (2, 3, 24, 24), generator=generator, dtype=torch.uint8)


def test_psnr_agrees_with_scikit_image():
    a, b = images(0), images(1)
    expected = [peak_signal_noise_ratio(x.numpy(), y.numpy()) for x, y in zip(a, b, strict=True)]
    assert np.allclose(metrics.psnr(a, b).numpy(), expected, atol=1e-4)


def test_ssim_agrees_with_scikit_image():
    a = images(0)
    b = (a.float() * 0.5 + images(1).float() * 0.5).byte()
    expected = [
        structural_similarity(
            x.numpy(),
            y.numpy(),
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        for x, y in zip(a, b, strict=True)
    ]
    assert np.allclose(metrics.ssim(a, b).numpy(), expected, atol=1e-4)
    assert len(metrics.ssim(a[:1], b[:1])) == 1


def test_delta_e2000_agrees_with_scikit_image_in_float64():
    a, b = images(0), images(1)
    first, second = (rgb2lab(x.permute(0, 2, 3, 1).numpy() / 255.0) for x in (a, b))
    expected = deltaE_ciede2000(first, second).reshape(2, -1)
    found = metrics.delta_e2000(a, b)
    assert np.allclose(found.mean.numpy(), expected.mean(axis=1), atol=1e-3)
    assert np.allclose(found.median.numpy(), np.median(expected, axis=1), atol=1e-3)
    assert np.allclose(found.p95.numpy(), np.percentile(expected, 95, axis=1), atol=1e-3)


def test_equal_images_are_equal_to_every_figure():
    a = images(0)
    assert all(torch.all(figure == 0) for figure in metrics.delta_e2000(a, a))
    assert torch.isinf(metrics.psnr(a, a)).all()
    assert torch.allclose(metrics.ssim(a, a), torch.ones(2))


def test_delta_e_of_a_known_pair():
    # Sharma et al. 2005 give 100 for black against white by the formula's lightness term.
    black = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    assert float(metrics.delta_e2000(black, black + 255).mean) == pytest.approx(100, abs=0.01)


def test_both_forms_of_colorfulness_agree_with_numpy():
    a = images(0)
    absolute, signed = [], []
    for r, g, b in a.numpy().astype(float):
        rg, yb = r - g, 0.5 * (r + g) - b
        for values, (x, y) in ((signed, (rg, yb)), (absolute, (abs(rg), abs(yb)))):
            spread = np.hypot(x.std(ddof=1), y.std(ddof=1))
            values.append(spread + 0.3 * np.hypot(x.mean(), y.mean()))
    assert np.allclose(metrics.colorfulness(a).numpy(), absolute, rtol=1e-5)
    assert np.allclose(metrics.colorfulness_signed(a).numpy(), signed, rtol=1e-5)
    assert abs(np.mean(signed) - np.mean(absolute)) > 1  # the two forms are not the same figure


def test_near_gray_counts_pixels_of_little_chroma():
    image = torch.full((1, 3, 2, 2), 120, dtype=torch.uint8)
    assert float(metrics.near_gray(image)) == 1.0
    image[0, 0, 0, 0] = 200
    assert float(metrics.near_gray(image)) == 0.75


def test_false_red_counts_what_is_red_and_should_not_be():
    truth, image = (torch.zeros(1, 3, 2, 4, dtype=torch.uint8) for _ in range(2))
    image[0, 0] = torch.tensor([[61, 60, 200, 200], [200, 200, 0, 255]])
    truth[0, 0] = torch.tensor([[29, 0, 30, 29], [0, 0, 200, 255]])
    image[0, 2, 1, 0] = 150  # magenta is not red
    # Seen as red: 61 over 29; 200 over 29; 200 over 0 where blue is 0.
    assert float(metrics.false_red(image, truth)) == pytest.approx(3 / 8)
