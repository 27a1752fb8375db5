"""The rule that ends a GAN stage, and what it evaluates."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import inflection_study
from gan_color.color.lab import rgb_to_lab, to_float
from gan_color.config.stages import EarlyStoppingConfig
from gan_color.evaluation import metrics
from gan_color.evaluation.feature_extractors import BackboneExtractor
from gan_color.evaluation.validation_set import ValidationSet
from gan_color.models.base import Colorizer, ModelOptions
from gan_color.models.discriminators import MultiscaleDiscriminator
from gan_color.training.early_stopping import (
    SnapshotEvaluator,
    StopDecision,
    decide,
    skin_like,
)
from tests.helpers.tint import Tint
from tests.helpers.weights import backbone_file

# --- The rule ----------------------------------------------------------------------------------


def curve(*frechets: float, cycle: int = 1, ratio: float = 1.0, **more: object) -> list[dict]:
    extra = {"skin_hue": 0.0, "skin_chroma": 0.0, **more}
    return [{"frechet": f, "colorfulness_ratio": ratio, "cycle": cycle, **extra} for f in frechets]


def rule(**settings: object) -> EarlyStoppingConfig:
    return EarlyStoppingConfig(eval_every=100, patience=2, min_delta=0.01, **settings)


def test_the_lowest_score_is_best_and_patience_ends_the_stage():
    assert decide(curve(1.0), rule()) == StopDecision(0, False)
    falling = curve(1.0, 0.8, 0.7)
    assert (decide(falling, rule()).best, decide(falling, rule()).stop) == (2, False)
    rising = curve(1.0, 0.8, 0.7, 0.75, 0.9)
    assert (decide(rising, rule()).best, decide(rising, rule()).stop) == (2, True)
    assert not decide(rising, rule(stop_early=False)).stop
    assert decide(rising, rule(stop_early=False)).best == 2


def test_a_gain_below_the_minimum_is_none():
    assert decide(curve(1.0, 0.995, 0.992), rule()).best == 0
    assert decide(curve(1.0, 0.995, 0.992), rule()).stop
    assert decide(curve(1.0, 0.995, 0.98), rule()).best == 2


def test_colorfulness_counts_in_both_directions():
    dull, right, garish = (curve(1.0, ratio=ratio)[0] for ratio in (0.6, 1.0, 1.4))
    assert decide([dull, right], rule()).best == 1
    assert decide([right, dull, garish], rule()).best == 0
    assert decide([dull, right], rule(colorfulness_weight=0.0)).best == 0


def test_orange_skin_is_never_chosen():
    start = curve(1.0)
    for guard in ({"skin_chroma": 6.1}, {"skin_hue": 8.1}):
        assert decide(start + curve(0.5, **guard), rule()).best == 0
    # One-sided: paler skin, or skin that turns to red, is no reason.
    for fine in ({"skin_chroma": -20.0}, {"skin_hue": -20.0}, {"skin_hue": None}):
        assert decide(start + curve(0.5, **fine), rule()).best == 1


def test_each_cycle_has_its_own_patience():
    first = curve(1.0, 0.8, 0.9, 0.9)
    assert decide(first, rule()).stop
    assert not decide(first + curve(0.8, 0.85, cycle=2), rule()).stop
    ended = decide(first + curve(0.8, 0.85, 0.9, cycle=2), rule())
    assert (ended.best, ended.stop) == (1, True)


# --- What is evaluated ----------------------------------------------------------------------------


class Oracle(Colorizer):
    """Colors from memory, by the lightness it is shown, with a change of its own."""

    def __init__(self, images: torch.Tensor, change=lambda ab: ab) -> None:
        super().__init__(ModelOptions())
        self.lab, self.change = rgb_to_lab(to_float(images)), change

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        found = []
        for one in L:
            distance = (self.lab[:, :1] / 50 - 1 - one).abs().flatten(1).mean(dim=1)
            found.append(self.lab[int(distance.argmin()), 1:] / 110)
        return self.change(torch.stack(found))


@pytest.fixture
def extractor(tmp_path: Path) -> BackboneExtractor:
    return BackboneExtractor("resnet18", str(backbone_file(tmp_path)))


@pytest.fixture
def evaluator(extractor: BackboneExtractor, tmp_path: Path) -> SnapshotEvaluator:
    """Four images: a skin-colorized lower half under a blue upper half."""
    files = []
    for i in range(4):
        image = Image.new("RGB", (64, 64), (200 - 5 * i, 160, 140))
        image.paste((120, 150, 210 - 9 * i), (0, 0, 64, 32))
        path = tmp_path / f"{i}.png"
        image.save(path)
        files.append(path)
    return SnapshotEvaluator(ValidationSet(files, 64), extractor)


def evaluated(
    evaluator: SnapshotEvaluator, generator: Colorizer, baseline: Colorizer | None = None
) -> dict:
    hue = evaluator.skin_hue(baseline or generator)
    return evaluator.evaluate(generator, MultiscaleDiscriminator(base_channels=8), "lsgan", hue)


def turned(degrees: float):
    angle = torch.deg2rad(torch.tensor(degrees))
    matrix = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    return lambda ab: torch.einsum("ij,bjhw->bihw", matrix, ab)


def test_regions_are_found_by_their_true_colors(evaluator: SnapshotEvaluator):
    assert evaluator.skin[:, 32:].all()
    assert not evaluator.skin[:, :32].any()
    lab = rgb_to_lab(to_float(evaluator.images.truth)).flip(2)
    assert skin_like(lab)[:, :32].all()


def test_the_truth_is_evaluated_perfect(evaluator: SnapshotEvaluator):
    truth = Oracle(evaluator.images.truth)
    found = evaluated(evaluator, truth)
    assert found["frechet"] == pytest.approx(0, abs=1e-3)
    assert found["colorfulness_ratio"] == pytest.approx(1, abs=0.01)
    for name in ("skin_hue", "skin_chroma"):
        assert found[name] == pytest.approx(0, abs=0.05), name
    assert all(0 <= found[f"fresh_accuracy_{i}"] <= 1 for i in range(3))


def test_drifts_have_the_right_sign_and_size(evaluator: SnapshotEvaluator):
    start = Oracle(evaluator.images.truth)
    orange = evaluated(evaluator, Oracle(evaluator.images.truth, turned(12.0)), start)
    assert orange["skin_hue"] == pytest.approx(12, abs=0.1)
    vivid = evaluated(evaluator, Oracle(evaluator.images.truth, lambda ab: ab * 1.5))
    chroma = float(rgb_to_lab(to_float(evaluator.images.truth))[:, 1:, 32:].norm(dim=1).mean())
    assert vivid["skin_chroma"] == pytest.approx(0.5 * chroma, rel=0.01)
    assert vivid["skin_hue"] == pytest.approx(0, abs=0.01)
    assert vivid["colorfulness_ratio"] > 1.2
    assert evaluated(evaluator, Tint(0.0, 0.0))["colorfulness_ratio"] < 0.01


def test_evaluating_changes_nothing(evaluator: SnapshotEvaluator):
    discriminator = MultiscaleDiscriminator(base_channels=8).train()
    before = {k: v.clone() for k, v in discriminator.state_dict().items()}
    state = torch.get_rng_state()
    evaluator.evaluate(Tint(), discriminator, "lsgan", None)
    assert discriminator.training
    assert all(torch.equal(v, before[k]) for k, v in discriminator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_colorfulness_of_the_set_is_the_metrics(evaluator: SnapshotEvaluator):
    assert evaluator.truth_colorfulness == float(
        metrics.colorfulness(evaluator.images.truth).mean()
    )


def test_a_replay_stops_where_the_run_would_have():
    late = curve(1.0, 0.8, 0.9, 0.9, 0.1)  # a better one comes after patience has run out
    assert inflection_study.replay(late, rule()) == 1
    assert decide(late, rule()).best == 4
