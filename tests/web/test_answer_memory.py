"""What a model answered without points is kept for a while, and nothing else."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gan_color.models.hints import PALETTE, Hints
from gan_color.web import answer_memory
from gan_color.web.answer_memory import RememberingModel


class Counting:
    takes_hints = True

    def __init__(self) -> None:
        self.asked = 0

    def predict_ab(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        self.asked += 1
        return torch.cat((L, L), dim=1) * self.asked


@pytest.fixture
def model() -> RememberingModel:
    return RememberingModel(Counting())


def light(value: float = 0.5, side: int = 8) -> Tensor:
    return torch.full((1, 1, side, side), value)


def test_the_same_question_is_asked_once(model: RememberingModel):
    L = light()
    first = model.predict_ab(L, Hints.none(L))
    first_values = first.clone()
    first.zero_()  # what was given away is the asker's own
    assert torch.equal(model.predict_ab(L.clone(), Hints.none(L)), first_values)
    assert model.model.asked == 1
    assert model.takes_hints
    palettes = [torch.full((1, PALETTE), value) for value in (0.0, 1.0)]
    others = (
        (light(0.6), Hints.none(L)),
        (light(0.5, 4), Hints.none(light(0.5, 4))),
        *((L, replace(Hints.none(L), palette=palette)) for palette in palettes),
    )
    for number, (other, hints) in enumerate(others, start=2):
        model.predict_ab(other, hints)
        assert model.model.asked == number


def test_points_and_no_hints_at_all_are_never_kept(model: RememberingModel):
    L = light()
    point = Hints.none(L)
    point.mask[0, 0, 2, 3] = 1
    for hints in (point, None):
        asked = model.model.asked
        model.predict_ab(L, hints)
        model.predict_ab(L, hints)
        assert model.model.asked == asked + 2


def test_answers_are_forgotten_after_a_time(model: RememberingModel, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(answer_memory.time, "monotonic", lambda: now[0])
    L, other = light(), light(0.6)
    model.predict_ab(L, Hints.none(L))
    now[0] += answer_memory.SECONDS - 1
    model.predict_ab(L, Hints.none(L))
    assert model.model.asked == 1
    now[0] += 2
    model.predict_ab(other, Hints.none(other))  # anybody's request
    assert len(model._kept) == 1
    model.predict_ab(L, Hints.none(L))
    assert model.model.asked == 3


def test_the_oldest_answers_make_room(model: RememberingModel, monkeypatch):
    monkeypatch.setattr(answer_memory, "MOST_BYTES", 3 * 2 * 8 * 8 * 4)
    lights = [light(value / 10) for value in range(5)]
    for L in lights:
        model.predict_ab(L, Hints.none(L))
    assert model._bytes == 3 * 2 * 8 * 8 * 4
    for L in reversed(lights[2:]):
        model.predict_ab(L, Hints.none(L))
    assert model.model.asked == 5
    model.predict_ab(lights[0], Hints.none(lights[0]))
    assert model.model.asked == 6
