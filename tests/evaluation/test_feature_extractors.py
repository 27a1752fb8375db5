"""The networks that measure, with random weights: what they compute, not what they know."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import cleanfid.resize
import numpy as np
import pytest
import torch
import torchmetrics
import torchvision
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gan_color.errors import GanColorError
from gan_color.evaluation import feature_extractors
from gan_color.evaluation.feature_extractors import (
    InceptionExtractor,
    Lpips,
    clean_resize,
    load_inception,
)
from gan_color.hub import downloads


def images(side: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (2, 3, side, side), generator=generator, dtype=torch.uint8)


def published(state: dict, path: Path, original: downloads.WeightsFile) -> downloads.WeightsFile:
    """The weights file that `path` now is."""
    torch.save(state, path)
    return replace(original, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture(scope="module")
def inception(tmp_path_factory) -> tuple[Path, downloads.WeightsFile]:
    """Random weights of the right shape, and what says they are the right ones."""
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save({}, buffer)
    buffer.seek(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("inception", ["2048"], buffer)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    return path, published(network.state_dict(), path, feature_extractors.INCEPTION)


@pytest.fixture
def network(inception, monkeypatch) -> torch.nn.Module:
    path, file = inception
    monkeypatch.setattr(feature_extractors, "INCEPTION", file)
    return load_inception(path)


def test_inception_features_are_torch_fidelitys(inception, network):
    theirs = FeatureExtractorInceptionV3("inception", ["2048"], str(inception[0]))
    extractor = InceptionExtractor(network, "tensorflow")
    found = extractor(images())
    assert found.shape == (2, extractor.channels)
    assert torch.allclose(found, theirs(images())[0], atol=1e-6)


def test_clean_features_are_those_of_clean_fids_resize(network):
    resize = cleanfid.resize.build_resizer("clean")
    expected = np.stack([resize(x.permute(1, 2, 0).numpy()) for x in images()])
    resized = clean_resize(images(), 299)
    assert np.allclose(resized.permute(0, 2, 3, 1).numpy(), expected, atol=1e-4)
    extractor = InceptionExtractor(network, "clean")
    assert torch.allclose(extractor(images()), network((resized - 128) / 128), atol=1e-6)
    assert (extractor.frechet_key, extractor.kernel_key) == ("fid_clean", "")
    assert not torch.allclose(
        extractor(images()), InceptionExtractor(network, "tensorflow")(images())
    )


def test_lpips_is_the_papers_sum(tmp_path, monkeypatch):
    """Equation 1: unit features, squared differences, learned weights, mean over space."""
    torch.manual_seed(0)
    alexnet = torchvision.models.alexnet(weights=None).eval()
    path = tmp_path / "alexnet.pth"
    monkeypatch.setattr(
        feature_extractors,
        "ALEXNET",
        published(alexnet.state_dict(), path, feature_extractors.ALEXNET),
    )
    folder = Path(torchmetrics.__file__).parent / "functional/image/lpips_models"
    heads = torch.load(folder / "alex.pth", map_location="cpu", weights_only=True)
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    spread = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    a, b = images(), images(seed=1)
    maps = []
    for image in (a, b):
        x = (image.float() / 127.5 - 1 - shift) / spread
        found = []
        for layer in alexnet.features:
            x = layer(x)
            if isinstance(layer, torch.nn.ReLU):
                found.append(x / x.norm(dim=1, keepdim=True).clamp(min=1e-8))
        maps.append(found)
    expected = torch.zeros(2)
    for i, (x, y) in enumerate(zip(*maps, strict=True)):
        weighted = (x - y).square() * heads[f"lin{i}.model.1.weight"]
        expected += weighted.sum(dim=1).mean(dim=(1, 2)).detach()
    lpips = Lpips(path)
    assert torch.allclose(lpips(a, b), expected, rtol=1e-3)
    assert torch.all(lpips(a, a) == 0)


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "weights-inception-2015-12-05-6726825d.pth"
    path.write_bytes(b"not these")
    with pytest.raises(GanColorError, match=r"--fid-weights: .* expected 6726825d"):
        load_inception(path)
    with pytest.raises(GanColorError, match="--fid-weights: found no file"):
        load_inception(tmp_path / "none.pth")


def test_offline_is_one_sentence_with_name_hash_and_option(tmp_path, monkeypatch):
    def unreachable(*_: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(GanColorError) as caught:
        load_inception()
    message = str(caught.value)
    for part in (
        feature_extractors.INCEPTION.name,
        feature_extractors.INCEPTION.sha256,
        "--fid-weights PATH",
        "not known",
    ):
        assert part in message
    assert not any((tmp_path / "checkpoints").iterdir())


def test_downloads_are_checked_and_kept(tmp_path, monkeypatch):
    data = io.BytesIO()
    torch.save({"x": torch.ones(2)}, data)
    file = replace(feature_extractors.ALEXNET, sha256=hashlib.sha256(data.getvalue()).hexdigest())
    calls = []

    def download(url: str, target: str, digest: str) -> None:
        calls.append((url, digest))
        Path(target).write_bytes(data.getvalue())

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert torch.equal(file.load()["x"], torch.ones(2))
    file.load()
    assert calls == [(file.url, file.sha256)]


def test_random_features_are_refused():
    with pytest.raises(GanColorError, match="random features"):
        feature_extractors.BackboneExtractor("resnet18", "none")
    with pytest.raises(GanColorError, match=r"missing\.safetensors"):
        feature_extractors.BackboneExtractor("resnet18", "missing.safetensors")
