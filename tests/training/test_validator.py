"""Validation during a run gives the numbers that `gan-color evaluate` gives."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from gan_color.evaluation.evaluator import evaluate
from gan_color.evaluation.per_image import MetricNetworks
from gan_color.evaluation.predictors import model_predictor
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.validation_set import ValidationSet
from gan_color.images.files import find_images
from gan_color.images.resize import evaluation_crop
from gan_color.training.validator import Validator
from tests.helpers.tint import Tint


def test_psnr_and_colorfulness_are_those_of_evaluate(
    sample_folders: tuple[Path, Path], tmp_path: Path
):
    folder, size = sample_folders[1], 48
    images = ValidationSet(find_images(folder), size)
    found = Validator(images, shown=2).evaluate(Tint())
    protocol = EvalProtocol(size=size)
    predictor = model_predictor(Tint(), protocol, "tint", "tint")
    networks, cpu = MetricNetworks(), torch.device("cpu")
    (result,), _ = evaluate([predictor], folder, protocol, networks, cpu, tmp_path)
    for name in ("psnr", "colorfulness", "colorfulness_truth"):
        assert found[name] == pytest.approx(result.figures[name], rel=1e-6), name


def test_area_and_bicubic_are_two_ways(tmp_path: Path):
    Image.effect_noise((90, 120), 80).convert("RGB").save(tmp_path / "x.png")
    bicubic, area = (evaluation_crop(tmp_path / "x.png", 32, way) for way in ("bicubic", "area"))
    assert bicubic.shape == area.shape == (3, 32, 32)
    assert not torch.equal(bicubic, area)


def test_predictions_do_not_depend_on_the_number_of_images(sample_folders: tuple[Path, Path]):
    images = ValidationSet(find_images(sample_folders[0])[:20], 32)
    whole = images.predict(Tint()).rgb
    assert torch.equal(images.predict(Tint(), [3, 4]).rgb, whole[3:5])
