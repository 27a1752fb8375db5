"""Which networks a perceptual loss can look through."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from gan_color.config.stages import PerceptualConfig
from gan_color.errors import GanColorError
from gan_color.training.builders import create_perceptual


def check(loss: torch.nn.Module, maps: int) -> None:
    a = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    b = (1 - a).requires_grad_()
    assert len(loss.features(a)) == maps
    assert loss(a, a) == 0
    loss(b, a).backward()
    assert b.grad.abs().sum() > 0


def test_any_timm_backbone_serves(tmp_path: Path):
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "w.safetensors")
    config = PerceptualConfig(
        weight=1, backbone="resnet18", weights=str(tmp_path / "w.safetensors")
    )
    check(create_perceptual(config), maps=5)


def test_vgg16_serves_with_torchvisions_names(tmp_path: Path):
    torch.manual_seed(0)
    network = torchvision.models.vgg16_bn()
    state = {k: v.contiguous() for k, v in network.state_dict().items() if k.startswith("features")}
    save_file(state, tmp_path / "w.safetensors")
    loss = create_perceptual(PerceptualConfig(weight=1, weights=str(tmp_path / "w.safetensors")))
    check(loss, maps=3)
    assert torch.equal(loss.features.layers[0].weight, network.features[0].weight)
    # Three maps: the activations right before the last three poolings.
    assert [m.shape[-1] for m in loss.features(torch.rand(1, 3, 64, 64))] == [16, 8, 4]


def test_random_features_are_refused():
    with pytest.raises(GanColorError, match="random features"):
        create_perceptual(PerceptualConfig(weight=1, weights="none"))


def test_without_a_network_the_message_says_how_to_give_a_path(monkeypatch):
    def offline(**_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models, "vgg16_bn", offline)
    with pytest.raises(GanColorError, match=r"could not download vgg16_bn.*perceptual\.weights"):
        create_perceptual(PerceptualConfig(weight=1))
