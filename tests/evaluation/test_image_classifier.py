"""What a classifier sees in recolored photographs."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file

from gan_color.errors import GanColorError
from gan_color.evaluation.feature_extractors import ImageClassifier
from gan_color.evaluation.per_image import MetricNetworks
from gan_color.evaluation.predictors import Predictor, baseline
from tests.helpers.evaluating import figures
from tests.helpers.weights import weights_file


class RedOrGreen(torch.nn.Module):
    """A classifier that looks at color alone: which of the two there is more of."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :2].mean(dim=(2, 3))


def test_a_classifier_is_asked_what_it_sees(photographs, tmp_path):
    """The share of images of which it says what it says of the truth: all of the truth's own."""
    path = weights_file(tmp_path / "c.safetensors", "test_resnet")
    classifier = ImageClassifier("test_resnet", str(path))
    classifier.network = RedOrGreen()
    swapped = Predictor("swapped", lambda truth: truth[:, [1, 0, 2]], "swapped")
    half = Predictor("half", lambda t: torch.cat((t[:3, [1, 0, 2]], t[3:])), "half")
    predictors = [baseline("truth"), swapped, half]
    found = figures(predictors, photographs, tmp_path, MetricNetworks(classifier=classifier))
    shares = {name: each["classified_alike"] for name, each in found.items()}
    assert shares == {"truth": 1.0, "swapped": 0.0, "half": 0.5}
    assert found["half"]["weights_sha256"]["classified_alike"] == classifier.weights_sha256
    assert found["half"]["classified_alike_ci"][0] <= 0.5 <= found["half"]["classified_alike_ci"][1]
    without = figures([swapped], photographs, tmp_path)["swapped"]
    assert without["classified_alike"] is None


def test_a_classifier_is_given_what_it_was_made_for(tmp_path, coffee: Image.Image):
    path = weights_file(tmp_path / "c.safetensors", "test_resnet")
    classifier = ImageClassifier("test_resnet", str(path), {"num_classes": 1000})
    image = torch.from_numpy(np.array(coffee.crop((0, 0, 96, 80)))).permute(2, 0, 1)[None]
    network = timm.create_model("test_resnet", num_classes=1000).eval()
    network.load_state_dict(load_file(path))
    seen = F.interpolate(image / 255, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    normal = [torch.tensor(network.default_cfg[k]).view(1, 3, 1, 1) for k in ("mean", "std")]
    assert classifier(image).tolist() == network((seen - normal[0]) / normal[1]).argmax(1).tolist()
    with pytest.raises(GanColorError, match=r"--classifier-weights: found 'none', expected"):
        ImageClassifier("test_resnet", "none")


def test_a_classifier_may_be_torchvisions(tmp_path: Path, coffee: Image.Image, monkeypatch):
    network = torchvision.models.squeezenet1_1(num_classes=5)
    save_file(network.state_dict(), tmp_path / "s.safetensors")
    classifier = ImageClassifier(
        "torchvision/squeezenet1_1", str(tmp_path / "s.safetensors"), {"num_classes": 5}
    )
    image = torch.from_numpy(np.array(coffee.resize((224, 224)))).permute(2, 0, 1)[None]
    normal = torchvision.transforms.functional.normalize(
        image / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    )
    assert classifier(image).tolist() == network.eval()(normal).argmax(1).tolist()
    with pytest.raises(GanColorError, match="did you mean torchvision/squeezenet1_1"):
        ImageClassifier("torchvision/squeezenet11", "pretrained")
    with pytest.raises(GanColorError, match="torchvision cannot build 'torchvision/resnet18'"):
        ImageClassifier("torchvision/resnet18", "pretrained", {"depth": 3})

    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", offline)
    with pytest.raises(GanColorError, match=r"could not download .* --classifier-weights the path"):
        ImageClassifier("torchvision/squeezenet1_1", "pretrained")
