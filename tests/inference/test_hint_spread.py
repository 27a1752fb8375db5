"""How far the colors of points go."""

import pytest
import torch
from torch import Tensor

from gan_color.inference.hint_spread import spread_hints


def halves(height: int = 80, width: int = 120) -> Tensor:
    """L of a dark half and a light one."""
    L = torch.full((1, 1, height, width), -0.4)
    L[..., width // 2 :] = 0.4
    return L


def spread(L: Tensor, points: list[tuple[int, int]], wanted: list[tuple[float, float]]) -> Tensor:
    rows, columns = torch.tensor(points).T
    ab = torch.zeros(1, 2, *L.shape[-2:])
    return spread_hints(ab, L, rows, columns, torch.tensor(wanted).T)


def test_what_is_alike_takes_the_color_and_the_other_side_of_an_edge_does_not():
    out = spread(halves(), [(40, 50)], [(0.2, -0.3)])[0]
    own, other = out[..., :60], out[..., 64:]
    assert out[:, 40, 50].tolist() == pytest.approx([0.2, -0.3], abs=0.04)
    assert own[0, 40, 20] > 0.12  # across the half
    assert own[0].min() > 0.05
    assert other.abs().max() < 0.03
    assert (own[0] / own[1]).std() < 1e-3  # one hue


def test_a_point_on_each_side_keeps_its_side():
    out = spread(halves(), [(40, 50), (40, 70)], [(0.2, 0.0), (-0.2, 0.0)])[0, 0]
    assert out[:, :58].min() > 0
    assert out[:, 62:].max() < 0


def test_what_many_points_agree_on_is_taken_for_the_whole_and_one_point_is_not():
    points = [(10 * i, 10 * j) for i in range(1, 7) for j in range(1, 5)]
    one = spread(halves(), points[:1], [(0.2, 0.0)])[0, 0]
    many = spread(halves(), points, [(0.2, 0.0)] * len(points))[0, 0]
    assert one[:, 70:].max() < 0.01
    assert many[:, 70:].min() > 0.02


def test_a_way_around_counts_and_not_the_distance():
    """A wall between two places side by side, open at one end."""
    L = torch.zeros(1, 1, 90, 90)
    L[..., :75, 44:47] = 0.9
    out = spread(L, [(10, 40)], [(0.2, 0.0)])[0, 0]
    assert out[10, 20] > 2 * out[10, 50]
    assert out[45, 40] > out[10, 50]


def test_no_points_change_nothing():
    ab = torch.rand(1, 2, 20, 30)
    none = torch.zeros(0, dtype=torch.long)
    assert spread_hints(ab, halves(20, 30), none, none, torch.zeros(2, 0)) is ab


@pytest.mark.parametrize("shape", [(80, 120), (7, 5), (2, 300), (300, 2)])
def test_many_points_that_disagree_stay_bounded(shape: tuple[int, int]):
    torch.manual_seed(0)
    L = torch.rand(1, 1, *shape) * 2 - 1
    rows, columns = torch.randint(shape[0], (100,)), torch.randint(shape[1], (100,))
    wanted = 0.4 * torch.randn(2, 100).sign()
    out = spread_hints(torch.zeros(1, 2, *shape), L, rows, columns, wanted)
    assert out.shape == (1, 2, *shape)
    assert out.abs().max() < 1


def test_points_that_agree_with_the_model_change_nothing():
    torch.manual_seed(0)
    ab = torch.rand(1, 2, 80, 120)
    rows, columns = torch.randint(80, (20,)), torch.randint(120, (20,))
    out = spread_hints(ab, halves(), rows, columns, ab[0][:, rows, columns])
    assert torch.equal(out, ab)
