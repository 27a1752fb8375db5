"""A reference photo and words for saturation: what the model is told, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT, ab_bins
from gan_color.color.lab import AB_SCALE, from_rgb8, rgb_to_lab, to_float
from gan_color.data.simulated_hints import whole_palette
from gan_color.errors import GanColorError
from gan_color.inference.palette import read_reference
from gan_color.inference.palette_match import MOST
from gan_color.inference.pipeline import ColorizationPipeline
from gan_color.inference.saturation import VIVIDNESS, parse_saturation
from gan_color.models.base import Colorizer, ModelOptions
from gan_color.models.hints import CHROMA_SCALE, Hints
from tests.helpers.tint import Tint

GRAY = np.full((90, 120, 3), 128, np.uint8)


class _Willing(ModelOptions):
    @property
    def takes_hints(self) -> bool:
        return True


class Obedient(Colorizer):
    """All of a photo in the mean color it was told; in one of its own where it was told none."""

    def __init__(self) -> None:
        super().__init__(_Willing())
        self.own = torch.nn.Parameter(torch.tensor([0.06, 0.08]))  # a chroma of 0.1

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        ab = self.own.expand(len(L), 2)
        if hints is not None and hints.palette is not None:
            shares = hints.palette[:, :BIN_COUNT].square()
            told = hints.palette[:, BIN_COUNT : BIN_COUNT + 1]
            ab = told * (shares @ ab_bins() / AB_SCALE) + (1 - told) * ab
            chroma, told = hints.palette[:, BIN_COUNT + 1 :].split(1, dim=1)
            own = ab.norm(dim=1, keepdim=True)
            ab = ab / own * (told * chroma / CHROMA_SCALE + (1 - told) * own)
        return ab[:, :, None, None].expand(-1, -1, *L.shape[-2:])


def ab_of(pixels: np.ndarray) -> np.ndarray:
    """Its mean a* and b*."""
    rgb = torch.from_numpy(np.asarray(pixels)).permute(2, 0, 1)[None]
    return rgb_to_lab(to_float(rgb))[0, 1:].mean(dim=(1, 2)).numpy()


def test_a_reference_gives_its_colors_and_how_vivid_they_are(tmp_path: Path):
    half = np.zeros((80, 120, 3), np.uint8)
    half[:, :60], half[:, 60:] = (180, 120, 90), (150, 140, 70)
    Image.fromarray(half).save(tmp_path / "reference.png")
    out = ColorizationPipeline(Obedient()).colorize(GRAY, 64, reference=tmp_path / "reference.png")
    # Bins are 10 apart, and the mean chroma of two hues is more than that of their mean.
    assert np.abs(ab_of(out) - ab_of(half)).max() < 6
    again = ColorizationPipeline(Obedient()).colorize(GRAY, 64, reference=half)
    assert np.array_equal(out, again)


def test_a_reference_is_told_as_the_truth_is_in_training():
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (16, 20, 3)).astype(np.uint8)
    photo = blocks.repeat(16, axis=0).repeat(16, axis=1)
    trained = whole_palette(from_rgb8(torch.from_numpy(photo).permute(2, 0, 1)[None])[1])
    told = read_reference(photo).vector()
    # Bicubic halos at the edges of blocks cost a little; what they have in common is most.
    assert float((trained[0, :BIN_COUNT] * told[0, :BIN_COUNT]).sum()) > 0.9
    assert torch.allclose(trained[:, BIN_COUNT:], told[:, BIN_COUNT:], rtol=0.05)


@pytest.mark.parametrize("word", list(VIVIDNESS))
def test_a_word_asks_for_a_share_of_the_models_own_chroma(word: str):
    pipeline = ColorizationPipeline(Obedient())
    plain, out = (
        np.linalg.norm(ab_of(pipeline.colorize(GRAY, 64, saturation=saturation)))
        for saturation in (1.0, word)
    )
    assert out / plain == pytest.approx(VIVIDNESS[word], abs=0.05)


def test_a_word_counts_from_what_the_reference_gives():
    pipeline, red = ColorizationPipeline(Obedient()), np.full_like(GRAY, (160, 110, 100))
    plain, vivid = (
        ab_of(pipeline.colorize(GRAY, 64, reference=red, saturation=saturation))
        for saturation in (1.0, "vivid")
    )
    assert np.linalg.norm(vivid) / np.linalg.norm(plain) == pytest.approx(1.5, abs=0.05)
    assert np.allclose(vivid / np.linalg.norm(vivid), plain / np.linalg.norm(plain), atol=0.05)


class Soft(Obedient):
    """Gives half of the chroma that it is told, or a tenth."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        told = hints is not None and hints.palette is not None and bool(hints.palette.any())
        return super().forward(L, hints) * (self.share if told else 1.0)


def test_an_answer_that_is_too_soft_is_made_as_vivid_as_told():
    red = np.full_like(GRAY, (160, 110, 100))
    firm, soft, softest = (
        np.linalg.norm(ab_of(ColorizationPipeline(model).colorize(GRAY, 64, reference=red)))
        for model in (Obedient(), Soft(0.7), Soft(0.2))
    )
    assert soft == pytest.approx(firm, rel=0.05)
    assert softest == pytest.approx(0.2 * MOST * firm, rel=0.1)  # not beyond its limit
    plain = [ColorizationPipeline(model).colorize(GRAY, 64) for model in (Obedient(), Soft(0.7))]
    assert np.array_equal(*plain)


@pytest.mark.parametrize("saturation", ["loud", "", -0.1, 4.1, float("nan")])
def test_other_saturations_are_refused(saturation: object):
    with pytest.raises(GanColorError, match=r"saturation: found .*, expected 0 to 4, or muted, na"):
        ColorizationPipeline(Obedient()).colorize(GRAY, 64, saturation=saturation)


def test_saturation_as_text():
    assert [parse_saturation(text) for text in ("1.5", "vivid")] == [1.5, "vivid"]


def test_what_is_no_reference_is_refused_with_a_sentence(tmp_path: Path):
    pipeline = ColorizationPipeline(Obedient())
    (tmp_path / "text.jpg").write_text("no photo")
    for reference, message in (
        (GRAY, r"reference: found a gray photo \(mean chroma 0\.0\), expected one with colors"),
        (tmp_path / "none.jpg", r"reference: .*none\.jpg"),
        (tmp_path / "text.jpg", r"reference: .*"),
    ):
        with pytest.raises(GanColorError, match=message) as caught:
            pipeline.colorize(GRAY, 64, reference=reference)
        assert "\n" not in str(caught.value)


def test_a_model_without_hints_refuses_both():
    color = np.full_like(GRAY, (160, 110, 100))
    for options in ({"reference": color}, {"saturation": "vivid"}, {"saturation": "natural"}):
        with pytest.raises(GanColorError, match="hints: this model takes none"):
            ColorizationPipeline(Tint()).colorize(GRAY, 64, **options)
