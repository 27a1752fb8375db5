"""Photographs to evaluate on, and a network to measure distances with."""

from pathlib import Path

import pytest
from PIL import Image

from gan_color.evaluation.feature_extractors import BackboneExtractor
from gan_color.evaluation.per_image import MetricNetworks
from tests.helpers.weights import backbone_file


@pytest.fixture
def photographs(tmp_path: Path, coffee: Image.Image) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(6):
        coffee.crop((i * 60, 20, i * 60 + 200, 220)).resize((64, 64)).save(folder / f"{i}.png")
    (folder / "broken.jpg").write_text("x")
    return folder


@pytest.fixture
def networks(tmp_path: Path) -> MetricNetworks:
    return MetricNetworks([BackboneExtractor("resnet18", str(backbone_file(tmp_path)))])
