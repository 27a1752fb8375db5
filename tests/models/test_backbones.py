"""Pretrained weights of an encoder: where they come from, and what is refused."""

from pathlib import Path

import pytest
import timm
import torch

from gan_color.errors import GanColorError
from gan_color.models.backbones import Backbone, load_weights
from tests.helpers.weights import weights_file


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_encoder_weights_come_from_a_file(name: str, tmp_path: Path):
    path = weights_file(tmp_path / "w.safetensors", name)
    encoder = Backbone(name, str(path))
    torch.manual_seed(1)
    whole = timm.create_model(name, pretrained=False).state_dict()
    stored = {key.replace(".", "_"): value for key, value in whole.items()}
    for key, value in encoder.backbone.state_dict().items():
        assert torch.equal(value, stored[key.replace(".", "_")])


def test_a_gray_stem_is_the_sum_of_the_color_stem(tmp_path: Path):
    path = str(weights_file(tmp_path / "w.safetensors"))
    gray, color = Backbone("resnet18", path, in_chans=1), Backbone("resnet18", path)
    assert torch.allclose(
        gray.backbone.conv1.weight, color.backbone.conv1.weight.sum(1, keepdim=True)
    )


def test_weights_that_lack_a_layer_are_refused_unless_the_layer_is_dropped(tmp_path: Path):
    path = weights_file(tmp_path / "w.safetensors", drop="layer4.1.")
    with pytest.raises(GanColorError, match=r"lacks layer4.1.conv1.* encoder_remove_modules"):
        Backbone("resnet18", str(path))
    assert Backbone("resnet18", str(path), drop=("layer4.1",))
    with pytest.raises(GanColorError, match="no module 'layer9'"):
        Backbone("resnet18", str(path), drop=("layer9",))


def test_weights_of_another_backbone_are_refused(tmp_path: Path):
    path = weights_file(tmp_path / "w.safetensors", "resnet18")
    with pytest.raises(GanColorError, match=r"lacks|shape"):
        Backbone("resnet50", str(path))


@pytest.mark.parametrize("content", [None, b"not a tensor file"])
def test_a_missing_or_damaged_weights_file_is_named(content: bytes | None, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GanColorError, match=r"w\.safetensors"):
        load_weights(torch.nn.Linear(1, 1), path)


def test_without_a_network_the_message_says_how_to_give_a_path(monkeypatch):
    def offline(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect to 'https://hub' to load the files")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(GanColorError, match=r"could not download.*encoder_weights.*\.safetensors"):
        Backbone("resnet18", "pretrained")


def test_a_backbone_without_a_pyramid_is_refused():
    with pytest.raises(GanColorError, match="encoder"):
        Backbone("vit_tiny_patch16_224", "none")
    with pytest.raises(GanColorError, match="encoder"):
        Backbone("no_such_backbone", "none")


def test_the_shared_encoder_loads_and_only_what_it_lacks_is_dropped(shared: Path):
    path = shared / "weights" / "mobilenetv1_100.tf_in1k.encoder.safetensors"
    arguments = {"pad_type": "same", "bn_eps": 1e-3}
    with pytest.raises(GanColorError, match=r"blocks\.4\.1\.conv_pw"):
        Backbone("mobilenetv1_100", str(path), arguments=arguments)
    encoder = Backbone("mobilenetv1_100", str(path), arguments=arguments, drop=("blocks.4.1",))
    assert encoder.channels == [64, 128, 256, 512, 1024]
    maps = encoder.eval()(torch.rand(1, 1, 64, 64))
    assert [m.shape[-1] for m in maps] == [32, 16, 8, 4, 2]
