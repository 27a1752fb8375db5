"""Several answers for one photo: told apart, reproducible, refused where a model has one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gan_color.color.ab_bins import BIN_COUNT, bin_shares
from gan_color.errors import GanColorError
from gan_color.hub.init_from import init_from
from gan_color.hub.model_file import (
    has_palettes,
    load_model,
    read_header,
    save_model,
    save_palettes,
)
from gan_color.inference import pipeline
from gan_color.inference.onnx_model import OnnxColorizer, export_onnx
from gan_color.inference.palette_match import MOST, MOST_OF_VARIANTS, match_palette
from gan_color.inference.pipeline import ColorizationPipeline
from gan_color.inference.variants import variant_palettes
from gan_color.models.base import Colorizer
from gan_color.models.hints import PaletteBank
from tests.helpers.tiny_steps import generator

PHOTO = np.random.default_rng(0).integers(60, 200, (70, 90, 3)).astype(np.uint8)


def bank(channels: int, contents: int = 3, count: int = 4) -> PaletteBank:
    """Each palette is of one bin, another for each content and number."""
    shares = torch.zeros(contents, count, BIN_COUNT)
    for k in range(contents):
        for n in range(count):
            shares[k, n, 20 + 70 * n + 5 * k] = 1
    noise = torch.Generator().manual_seed(2)
    return PaletteBank(torch.rand(contents, channels, generator=noise) - 0.5, shares)


def trained() -> Colorizer:
    """Takes hints, and has something to say when it is told a palette."""
    model = generator("both", hints=True)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.hint_branches.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with palettes."""
    folder = tmp_path_factory.mktemp("variants")
    model = trained()
    save_model(folder / "plain.safetensors", "unet", model, {})
    channels = model.content(torch.zeros(1, 1, 64, 64)).shape[1]
    target = folder / "with.safetensors"
    save_palettes(folder / "plain.safetensors", target, bank(channels), {"images": 3})
    return target


def test_variants_are_brought_to_their_palettes_less_far_than_to_a_reference(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    bounds: list[float] = []

    def match(ab: torch.Tensor, told: torch.Tensor, most: float) -> torch.Tensor:
        bounds.append(most)
        return match_palette(ab, told, most)

    monkeypatch.setattr(pipeline, "match_palette", match)
    model = ColorizationPipeline(load_model(path))
    model.colorize(PHOTO, 64, variant=2)
    assert set(bounds) == {MOST_OF_VARIANTS}
    bounds.clear()
    model.colorize(PHOTO, 64, reference=PHOTO)
    assert set(bounds) == {MOST}
    assert MOST_OF_VARIANTS < MOST


def test_numbers_give_different_answers_and_always_the_same(path: Path):
    def answer(**options: object) -> np.ndarray:
        return ColorizationPipeline(load_model(path)).colorize(PHOTO, 64, **options)

    answers = [answer(variant=number) for number in (0, 1, 2, 3, 4, 5, 900)]
    assert np.array_equal(answers[0], answer())
    for i, one in enumerate(answers):
        assert not any(np.array_equal(one, other) for other in answers[:i])
    assert np.array_equal(answers[2], answer(variant=2))
    assert np.array_equal(answers[6], answer(variant=900))
    # It is where hints go on from.
    hinted = answer(variant=2, hints=[(10, 20, "#c06030")])
    far = np.abs(hinted.astype(int) - answers[2])[40:, 40:]
    near = np.abs(hinted.astype(int) - answers[2])[20, 10]
    assert near.max() > far.mean()


def test_palettes_are_those_of_like_content_the_most_unlike_first():
    content, own = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 2, 16, 16)
    shares = torch.zeros(2, 3, BIN_COUNT)
    gray = int(bin_shares(own)[0].argmax())
    shares[0, 0, gray], shares[0, 1, 10], shares[0, 2, 250] = 1, 1, 1
    shares[1, :, 100] = 1
    found = PaletteBank(torch.tensor([[2.0, 0.1], [0.1, 2.0]]), shares)
    told = [variant_palettes(found, content, own, number)[0].square() for number in (1, 2, 3)]
    # What the model gives by itself, gray, is told in part; the bank's own gray comes last.
    assert [int(each[:BIN_COUNT].argmax()) for each in told] == [10, 250, gray]
    assert float(told[0][10]) == pytest.approx(0.8)
    assert float(told[0][gray]) == pytest.approx(0.2)
    other = variant_palettes(found, content, own, 1)[1].square()
    assert int(other[:BIN_COUNT].argmax()) == 100
    mixed = variant_palettes(found, content, own, 77)[0].square()[:BIN_COUNT]
    assert int((mixed > 1e-6).sum()) >= 2


def test_a_file_says_that_it_has_palettes_and_keeps_its_colors(path: Path):
    plain = path.with_name("plain.safetensors")
    assert has_palettes(read_header(path))
    assert not has_palettes(read_header(plain))
    L = torch.rand(1, 1, 64, 64) * 2 - 1
    assert torch.equal(load_model(path).predict_ab(L), load_model(plain).predict_ab(L))
    assert load_model(path).palettes.shares.shape == (3, 4, BIN_COUNT)
    assert load_model(plain).palettes is None


def test_what_is_trained_further_has_no_palettes(path: Path):
    model = generator("both", hints=True)
    init_from(model, "unet", path)
    assert model.palettes is None


@pytest.mark.parametrize("number", [-1, 1001, 1.5, True, "2"])
def test_what_is_no_number_of_a_variant_is_refused(path: Path, number: object):
    with pytest.raises(GanColorError, match=r"variant: found .*, expected 0 \(the model"):
        ColorizationPipeline(load_model(path)).colorize(PHOTO, 64, variant=number)


def test_models_with_one_answer_say_so(path: Path, tmp_path: Path):
    onnx = tmp_path / "m.onnx"
    export_onnx(path, onnx)
    for model in (load_model(path.with_name("plain.safetensors")), OnnxColorizer(onnx)):
        with pytest.raises(GanColorError, match="variant: this model has one answer, expected"):
            ColorizationPipeline(model).colorize(PHOTO, 64, variant=1)
