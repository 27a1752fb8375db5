"""Ours against what public references state: parameter counts, constants, layouts of files."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gan_color.errors import GanColorError
from gan_color.hub.model_file import load_model, save_model
from gan_color.models import registry
from gan_color.models.base import Batch
from gan_color.models.discriminators import Critic, MultiscaleDiscriminator

NONE = {"encoder_weights": "none"}
FROZEN = {"classifier": "test_resnet", "classifier_weights": "none"}
FULL = {"decoder": "full", **FROZEN}
ARTISTIC = {"kind": "deep", "encoder": "resnet34", "width_mult": 1.5}
FAULTS = {"down": "max", "up": "transposed"}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # With the 626 decode weights that we keep as a buffer: 32,236,011.
        ("zhang16", {}, 32_236_011 - 626),
        ("iizuka16", {}, 42_353_839 + 13_504),
        # With the 1001st class that timm's checkpoints lack: 6,574,050.
        ("koalarization", FROZEN, 6_573_794),
        ("koalarization", FULL, 6_541_202),
        ("colornet", FAULTS, 7_699_074),
        ("colornet", {**FAULTS, "channels": [32, 64, 128, 256, 512]}, 7_762_498),
        ("alpha", {}, 32_202),
        ("beta", {}, 3_892_194),
        ("pix2pix", {}, 54_409_858),
        ("pix2pixhd", {}, 182_433_858),
        ("pix2pixhd", {"num_downs": 3}, 45_583_938),
        # With the encoder's last norm, which nothing reads: 55,006,640 and 227,869,328.
        ("ddcolor", NONE, 55_006_640 - 2 * 768),
        ("ddcolor", {**NONE, "encoder": "convnext_large"}, 227_869_328 - 2 * 1536),
        ("siggraph17", {}, 34_187_027),
        # With the scales of the weight norm on the last enlargement: 218,222,197 and 63,646,881.
        ("deoldify", NONE, 218_222_197 - 4 * 256),
        ("deoldify", {**NONE, **ARTISTIC}, 63_646_881 - 4 * 300),
    ],
)
def test_published_numbers_of_parameters(name: str, options: dict[str, Any], expected: int):
    with torch.device("meta"):
        model = registry.create(name, **options)
    frozen = count(model.classifier) if name == "koalarization" else 0
    assert count(model) - frozen == expected


def test_ddcolors_color_decoder_has_its_published_size():
    with torch.device("meta"):
        assert count(registry.create("ddcolor", **NONE).queries) == 14_787_072


def test_published_discriminators():
    with torch.device("meta"):
        assert count(Critic()) == 94_555_649  # DeOldify
        assert count(Critic(64, 0.0, 0.0)) == 5_919_617  # DDColor
        patch = MultiscaleDiscriminator(num_discriminators=1, norm="batch", padding=1)
        assert count(patch) == 2_765_633  # pix2pix, on L and ab
    image = (torch.zeros(1, 1, 256, 256), torch.zeros(1, 2, 256, 256))
    assert Critic(8)(*image)[0][-1].shape == (1, 1, 13, 13)
    small = MultiscaleDiscriminator(num_discriminators=1, base_channels=8, norm="batch", padding=1)
    assert small(*image)[0][-1].shape == (1, 1, 30, 30)


def test_iizuka_names_scenes_and_learns_them_where_labels_are_known():
    torch.manual_seed(0)
    model = registry.create("iizuka16", base_channels=8, classes=3, global_size=32)
    L, ab = torch.rand(2, 1, 32, 32), torch.zeros(2, 2, 32, 32)
    output = model(L)
    known, unknown = (
        model.losses(output, Batch(L, ab, torch.tensor(labels)))["scene"]
        for labels in ([0, 1], [-1, -1])
    )
    assert known > 0
    assert unknown == 0
    entropy = nn.functional.cross_entropy(output[1], torch.tensor([0, 1]))
    assert torch.isclose(known, entropy / 300)
    assert model.scenes(L) == [{}, {}]  # taught no names yet
    model.set_classes(["beach", "forest"])
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    model(L)  # with statistics that fit, what is read decides the shares
    with torch.no_grad():
        model.classifier[-1].weight /= 300
    found = model.eval().scenes(L[:1])
    # The third output was taught nothing: it neither competes nor is named.
    share = model(L[:1])[1][:, :2].softmax(1)[0].tolist()
    assert found[0] == pytest.approx(dict(zip(["beach", "forest"], share, strict=True)), abs=1e-6)
    assert sum(found[0].values()) == pytest.approx(1, abs=1e-5)
    assert model.options.class_names == ("beach", "forest")  # so that a model file carries them
    with pytest.raises(GanColorError, match=r"model\.classes: found 3.*has 4"):
        model.set_classes(["a", "b", "c", "d"])


def test_iizukas_classes_are_those_of_the_data(tmp_path: Path):
    """As many outputs as class folders, alike in a generator and its copy; none is untaught."""
    model = registry.create("iizuka16", base_channels=8, global_size=32)
    copied = copy.deepcopy(model)
    state = torch.random.get_rng_state()
    for one in (model, copied):
        one.set_classes(["beach", "forest", "street"])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.options.classes == 3
    assert torch.equal(model.classifier[-1].weight, copied.classifier[-1].weight)
    L = torch.rand(2, 1, 32, 32)
    assert model(L)[1].shape == (2, 3)
    path = tmp_path / "model.safetensors"
    save_model(path, "iizuka16", model, {})
    assert load_model(path).scenes(L) == model.scenes(L)

    wide = registry.create("iizuka16", base_channels=8, global_size=32, classes=7)
    wide.set_classes(["beach", "forest"])
    output = wide(L)
    loss = wide.losses(output, Batch(L, torch.zeros(2, 2, 32, 32), torch.tensor([0, 1])))["scene"]
    entropy = nn.functional.cross_entropy(output[1][:, :2], torch.tensor([0, 1]))
    assert torch.isclose(loss, entropy / 300)


def test_iizukas_scene_loss_does_not_reach_the_color_network():
    model = registry.create("iizuka16", base_channels=8, classes=3, global_size=32)
    L = torch.rand(2, 1, 32, 32)
    data = Batch(L, torch.zeros(2, 2, 32, 32), torch.tensor([0, 1]))
    model.losses(model(L), data)["scene"].backward()
    reached = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert reached == {"low", "scene", "classifier"}


def test_koalarization_asks_a_frozen_classifier_once_a_image():
    torch.manual_seed(0)
    options = {"base_channels": 8, "classifier_size": 32, **FROZEN}
    model = registry.create("koalarization", cache=3, **options).eval()
    model.classifier.requires_grad_(False)
    asked: list[int] = []
    model.classifier.register_forward_hook(lambda *args: asked.append(len(args[2])))
    L = torch.rand(2, 1, 32, 32)
    first = model.embedding(L)
    assert asked == [1, 1]
    assert torch.equal(model.embedding(L.flip(0)).flip(0), first)
    assert asked == [1, 1]
    plain = registry.create("koalarization", **options).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.allclose(plain.embedding(L), first, atol=1e-4)
    model.embedding(torch.rand(4, 1, 32, 32))
    assert len(model._cache) == 3  # never more than asked for
    model.classifier.requires_grad_(True)
    model.embedding(L)
    assert asked[-1] == 2  # a classifier that learns is asked every time


def test_every_fault_of_the_colornet_report_is_an_option_of_its_own():
    kinds = [
        type(module) for module in registry.create("colornet", channels=[8, 16], **FAULTS).modules()
    ]
    assert nn.MaxPool2d in kinds
    assert nn.ConvTranspose2d in kinds
    mended = [type(module) for module in registry.create("colornet", channels=[8, 16]).modules()]
    assert nn.MaxPool2d not in mended
    assert nn.ConvTranspose2d not in mended
    report = registry.create("colornet", channels=[8, 16], scaling="minmax")
    neutral = torch.full((1, 2, 8, 8), 128 / 255)
    assert report.decode(neutral).abs().max() < 1e-6
    limits = report.decode(torch.tensor([0.0, 0.5]).view(1, 2, 1, 1)).flatten()
    assert limits.tolist() == pytest.approx([-1.0, -0.5 / 110], abs=1e-6)
