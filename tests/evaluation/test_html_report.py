"""Pages of evaluations and comparisons: names are text, and nothing is fetched."""

import json
import re
from pathlib import Path

import pytest
import torch
from jinja2 import UndefinedError
from PIL import Image

from gan_color.evaluation.comparison import compare
from gan_color.evaluation.evaluator import evaluate
from gan_color.evaluation.html_report import render
from gan_color.evaluation.per_image import MetricNetworks
from gan_color.evaluation.predictors import model_predictor
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.report import write_page
from gan_color.hub.model_file import save_model
from gan_color.models import registry
from tests.helpers.pages import ESCAPED, NASTY, check_page
from tests.helpers.tint import Tint

SMALL = EvalProtocol(size=32)


@pytest.fixture
def photographs(tmp_path: Path, coffee: Image.Image) -> Path:
    folder = tmp_path / f"{NASTY} photos"
    folder.mkdir()
    for i in range(2):
        coffee.crop((i * 60, 20, i * 60 + 200, 220)).resize((48, 48)).save(
            folder / f"{NASTY}{i}.png"
        )
    return folder


def test_an_evaluation_escapes_names(photographs: Path, tmp_path: Path):
    predictor = model_predictor(Tint(0.2, 0.1), SMALL, NASTY, "tint")
    results, summary = evaluate(
        [predictor], photographs, SMALL, MetricNetworks(), torch.device("cpu"), tmp_path
    )
    assert summary is not None
    write_page(tmp_path / "page.html", results, summary, SMALL)
    text = check_page(tmp_path / "page.html")
    assert f"<th>{ESCAPED}</th>" in text  # the predictor
    assert f"/{ESCAPED} photos: 2 images, protocol" in text
    assert f'alt="{ESCAPED}0.png: ' in text
    low, high = results[0].figures["psnr_ci"]
    psnr = f"{results[0].figures['psnr']:.3f}<small>[{low:.3f}, {high:.3f}]</small>"
    assert psnr in text  # the interval is below its value


def test_a_comparison_and_its_blind_test_escape_names(photographs: Path, tmp_path: Path):
    model = tmp_path / NASTY / "model.safetensors"
    save_model(model, "colornet", registry.create("colornet", channels=[8, 16]), {})
    other = tmp_path / "</script>" / "model.safetensors"
    save_model(other, "colornet", registry.create("colornet", channels=[8, 16]), {})
    blind = tmp_path / "blind.html"
    compare([model, other], photographs, SMALL, shown=1, turing=blind).write_page(
        tmp_path / "page.html"
    )
    text = check_page(tmp_path / "page.html")
    assert f"<th>{ESCAPED}/model</th>" in text
    assert f'alt="{ESCAPED}0.png: {ESCAPED}/model"' in text
    text = check_page(blind)
    assert text.count("</script") == 1
    found = json.loads(re.search(r"const data = (.*);\n", text).group(1))
    assert found["models"] == [f"{NASTY}/model", "script>/model"]


def test_a_page_without_its_values_is_an_error():
    with pytest.raises(UndefinedError, match="'header' is undefined"):
        render("compare_runs.html")
