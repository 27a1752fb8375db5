"""Pretrained weights of an encoder: where they come from, and what is refused."""

from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from gan_color.config.stages import PerceptualConfig
from gan_color.errors import GanColorError
from gan_color.evaluation.feature_extractors import BackboneExtractor
from gan_color.models.backbones import Backbone, create_classifier, load_weights
from gan_color.models.registry import create
from gan_color.training.builders import create_perceptual
from tests.helpers.weights import weights_file

create_model = timm.create_model


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
    with pytest.raises(GanColorError, match=r"strides \[16, 16, 16\].*resnet34"):
        Backbone("vit_tiny_patch16_224", "none")


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("resnet43", "'resnet34'"),
        ("ConvNext-tiny", "'convnext_tiny'"),
        ("resnet34.a1_in1x", r"'resnet34\.a1_in1k'"),
    ],
)
@pytest.mark.parametrize("weights", ["none", "pretrained"])
def test_an_unknown_name_is_answered_with_the_closest(name: str, closest: str, weights: str):
    said = rf"found {name!r}.*did you mean .*{closest}"
    with pytest.raises(GanColorError, match=said):
        Backbone(name, weights)
    with pytest.raises(GanColorError, match=said):
        create_classifier(name, weights == "pretrained", {}, 224)
    config = PerceptualConfig(weight=1, backbone=name)
    with pytest.raises(GanColorError, match=said):
        create_perceptual(config)
    with pytest.raises(GanColorError, match=said):
        BackboneExtractor(name, "pretrained")


def test_a_name_with_a_tag_is_known():
    assert Backbone("resnet18.a1_in1k", "none").channels == [64, 64, 128, 256, 512]


def never_downloaded(*_: object, **arguments: object) -> nn.Module:
    assert not arguments["pretrained"], "weights of a backbone that is refused"
    return create_model(*_, **arguments)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("swin_tiny_patch4_window7_224", r"strict_img_size: false in model\.encoder_kwargs.*, or "),
        ("coat_tiny", ""),  # timm has no argument that frees it
    ],
)
def test_a_backbone_for_one_size_is_refused_before_anything_is_downloaded(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(timm, "create_model", never_downloaded)
    with pytest.raises(GanColorError, match=rf"224 x 224.*any size; .*{way}take one such as"):
        Backbone(name)


def test_the_argument_that_the_sentence_names_works():
    model = create(
        "unet",
        encoder="swin_tiny_patch4_window7_224",
        encoder_weights="none",
        encoder_kwargs={"strict_img_size": False},
        decoder_channels=(32, 16, 16, 8, 8),
    )
    assert model.predict_ab(torch.zeros(1, 1, 70, 96)).shape == (1, 2, 70, 96)


def test_maps_are_channels_first_whatever_timm_gives():
    encoder = Backbone("mambaout_femto", "none").eval()
    maps = encoder(torch.rand(1, 3, 64, 96))
    sizes = [(c, 64 // s, 96 // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
    assert [tuple(x.shape[1:]) for x in maps] == sizes


def test_a_classifier_for_one_size_is_given_it():
    options = {"classifier": "vit_tiny_patch16_224", "classifier_weights": "none"}
    with pytest.raises(GanColorError, match=r"299 x 299.*set classifier_size: 224"):
        create("koalarization", **options)
    model = create("koalarization", **options, classifier_size=224, base_channels=4)
    assert model.predict_ab(torch.zeros(1, 1, 32, 32)).shape == (1, 2, 32, 32)


def test_the_shared_encoder_loads_and_only_what_it_lacks_is_dropped(shared: Path):
    path = shared / "weights" / "mobilenetv1_100.tf_in1k.encoder.safetensors"
    arguments = {"pad_type": "same", "bn_eps": 1e-3}
    with pytest.raises(GanColorError, match=r"blocks\.4\.1\.conv_pw"):
        Backbone("mobilenetv1_100", str(path), arguments=arguments)
    encoder = Backbone("mobilenetv1_100", str(path), arguments=arguments, drop=("blocks.4.1",))
    assert encoder.channels == [64, 128, 256, 512, 1024]
    maps = encoder.eval()(torch.rand(1, 1, 64, 64))
    assert [m.shape[-1] for m in maps] == [32, 16, 8, 4, 2]
