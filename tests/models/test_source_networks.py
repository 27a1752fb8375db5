"""Networks against their sources, written out a second time: plain functions on the same weights,
which are drawn from a seed.
"""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_color.config.schema import Config, load
from gan_color.config.yaml_file import find_recipe
from gan_color.losses.gan import feature_matching_loss
from gan_color.models import registry
from gan_color.models.base import Batch, Colorizer
from gan_color.models.discriminators import MultiscaleDiscriminator, create_discriminator


def recipe(name: str, *overrides: str) -> Config:
    return load(find_recipe(name), overrides)


def build(config: Config, **options: Any) -> Colorizer:
    """The configuration's model, made small by `options`."""
    torch.manual_seed(0)
    return registry.create(**config.model | options)


def batch(size: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(1)
    L = torch.rand(2, 1, size, size, generator=generator) * 2 - 1
    return Batch(L, torch.rand(2, 2, size, size, generator=generator) - 0.5, torch.tensor([0, 1]))


def trained_statistics(model: nn.Module) -> nn.Module:
    """BatchNorms with statistics and weights that are not those of the start."""
    generator = torch.Generator().manual_seed(2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.running_var, module.weight, module.bias):
                value.data = torch.rand(value.shape, generator=generator) + 0.5
    return model.eval()


# --- The ColorNet report ---------------------------------------------------------------------


def report_network(state: dict[str, Tensor], x: Tensor, levels: int) -> Tensor:
    """Two 3 x 3 convolutions a level without bias, each with BatchNorm and ReLU; max-pooling;
    transposed convolutions of 2 x 2; the skip second; a linear 1 x 1 head.
    """

    def level(x: Tensor, name: str) -> Tensor:
        for i in range(2):
            x = F.conv2d(x, state[f"{name}.{i}.0.weight"], padding=1)
            statistics = (state[f"{name}.{i}.1.{k}"] for k in ("running_mean", "running_var"))
            affine = (state[f"{name}.{i}.1.{k}"] for k in ("weight", "bias"))
            x = F.relu(F.batch_norm(x, *statistics, *affine))
        return x

    skips = []
    for i in range(levels - 1):
        x = level(x, f"encoders.{i}")
        skips.append(x)
        x = F.max_pool2d(x, 2)
    x = level(x, f"encoders.{levels - 1}")
    for i in range(levels - 1):
        x = F.conv_transpose2d(x, state[f"ups.{i}.weight"], state[f"ups.{i}.bias"], stride=2)
        x = level(torch.cat((x, skips.pop()), dim=1), f"decoders.{i}")
    return F.conv2d(x, state["head.weight"], state["head.bias"])


def test_the_reports_network_has_its_size():
    with torch.device("meta"):
        model = build(recipe("colornet_report"))
    assert sum(p.numel() for p in model.parameters()) == 31_036_546


@pytest.mark.parametrize("flow", ["L", "gray"])
def test_the_reports_network_is_its_sources(flow: str):
    config = recipe("colornet_report", f"model.flow={flow}")
    model = trained_statistics(build(config, channels=(4, 8, 16, 32, 64)))
    data = batch()
    star = 50 * (data.L + 1)
    if flow == "L":
        fed = star / 255
    else:  # of a gray picture: the sRGB value of that lightness, by the formulas of CIE and IEC
        y = torch.where(star > 8, ((star + 16) / 116) ** 3, star * 27 / 24389)
        fed = torch.where(y > 0.0031308, 1.055 * y ** (1 / 2.4) - 0.055, 12.92 * y)
    expected = report_network(model.state_dict(), fed, levels=5)
    found = model(data.L)
    assert torch.allclose(found, expected, atol=1e-5)
    assert expected.min() < 0  # nothing bounds the head
    target = (110 * data.ab + 128) / 255
    loss = model.losses(found, data)["pixel"]
    assert torch.isclose(loss, (expected - target).square().mean(), rtol=1e-4)
    # What lies in the gamut comes back as it was.
    assert torch.allclose(model.decode(target), data.ab, atol=1e-5)


def test_the_reports_network_starts_as_its_source_does():
    model = build(recipe("colornet_report"), channels=(16, 32))
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            spread = math.sqrt(2 / fan_out)
            sure = 5 / math.sqrt(2 * module.weight.numel())
            assert module.weight.std().item() == pytest.approx(spread, rel=sure), name
    stage = recipe("colornet_report").stages[0]
    assert (stage.optimizer, stage.lr, stage.betas, stage.batch_size, stage.schedule) == (
        "adam",
        1e-4,
        (0.9, 0.999),
        16,
        "constant",
    )


# --- Photos-colorization ---------------------------------------------------------------------


def photos_network(model: Any, L: Tensor) -> Tensor:
    """The encoder on L* 0..100; the classifier's softmax on L* itself, three times; a 1 x 1 fusion;
    a decoder that begins with one 3 x 3 convolution of the fusion's width.
    """
    star = 50 * (L + 1)
    weights = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    mine = {id(m) for m in model.classifier.modules()}
    convolutions = iter([m for m in weights if id(m) not in mine])

    def convolve(x: Tensor, stride: int = 1) -> Tensor:
        conv = next(convolutions)
        return F.conv2d(x, conv.weight, conv.bias, stride, padding=conv.kernel_size[0] // 2)

    x = star
    for stride in (2, 1, 2, 1, 2, 1, 1, 1):
        x = F.relu(convolve(x, stride))
    size = model.options.classifier_size
    seen = F.interpolate(star, (size, size), mode="bilinear").repeat(1, 3, 1, 1)
    embedding = model.classifier(seen).softmax(1)[:, :, None, None]
    x = F.relu(convolve(torch.cat((x, embedding.expand(-1, -1, *x.shape[-2:])), dim=1)))
    for count in (2, 2, 1):
        for _ in range(count):
            x = F.relu(convolve(x))
        if count == 1:
            x = torch.tanh(convolve(x))
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert next(convolutions, None) is None
    return x


def test_the_xception_recipe_has_its_sources_size():
    config = recipe("koalarization_xception", "model.classifier_weights=none")
    with torch.device("meta"):
        model = build(config)
    trained = sum(p.numel() for n, p in model.named_parameters() if not n.startswith("classifier."))
    assert trained == 7_163_874
    stage = config.stages[0]
    assert (stage.size, stage.batch_size, stage.optimizer, stage.freeze_encoder) == (
        224,
        64,
        "adam",
        True,
    )


def test_the_xception_recipe_is_its_sources_network():
    config = recipe("koalarization_xception", "model.classifier_weights=none")
    model = build(config, base_channels=8, classifier="test_resnet", classifier_size=48, cache=0)
    model.eval()
    data = batch()
    expected = photos_network(model, data.L)
    found = model(data.L)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(model.decode(found), (128 * expected / 110).clamp(-1, 1), atol=1e-5)
    loss = model.losses(found, data)["pixel"]
    assert torch.isclose(loss, (expected - data.ab * 110 / 128).square().mean(), rtol=1e-4)


# --- Wallner's GAN ---------------------------------------------------------------------------


def test_wallners_generator_reads_and_paints_in_its_sources_scales():
    """L* / 100 in, ab / 128 out: what ours, signed and by 110, would make of the same numbers."""
    config = recipe("wallner_gan")
    model = build(config, base_channels=4).eval()
    torch.manual_seed(0)
    ours = registry.create("wallner_gan", base_channels=4).eval()
    data = batch(64)
    found = model(data.L)
    assert torch.equal(found, ours((data.L + 1) / 2))
    assert torch.allclose(model.decode(found), (found * 128 / 110).clamp(-1, 1))
    loss = model.losses(found, data)["pixel"]
    assert torch.isclose(loss, (found - data.ab * 110 / 128).abs().mean())


def keras_discriminator(one: Any, x: Tensor) -> list[Tensor]:
    """Four convolutions of 4 x 4, strides 2, 2, 2, 1, then the logits, all with "same" padding:
    an even side gets a pixel before and one after where it is halved, one and two where it is
    not. The features are the convolutions' outputs.
    """
    features = []
    layers = [m for m in one.modules() if isinstance(m, nn.Conv2d)]
    for i, conv in enumerate(layers):
        stride = 2 if i < 3 else 1
        before, after = (1, 1) if stride == 2 else (1, 2)
        x = F.conv2d(F.pad(x, (before, after) * 2), conv.weight, conv.bias, stride)
        features.append(x)
        x = torch.where(x > 0, x, 0.2 * x)
    return features


def test_wallners_discriminators_are_its_sources():
    """But for their attention, whose place configs/wallner_gan.yml names."""
    config = recipe("wallner_gan").discriminator
    small = config.model_copy(update={"base_channels": 4, "attention": False, "norm": "none"})
    torch.manual_seed(0)
    found = create_discriminator(small)
    assert isinstance(found, MultiscaleDiscriminator)
    data = batch(64)
    x = torch.cat((data.L, data.ab), dim=1)
    features = found(data.L, data.ab)
    assert [maps[-1].shape[-1] for maps in features] == [8, 4, 2]
    for one, maps in zip(found.discriminators, features, strict=True):
        expected = keras_discriminator(one, x)
        assert len(maps) == len(expected)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(maps, expected, strict=True))
        x = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    # Feature matching reads them, so what is negative in them counts in full.
    other = [[m - 1 for m in maps] for maps in features]
    assert feature_matching_loss(features, other).item() == pytest.approx(4.0, rel=1e-5)


@pytest.mark.parametrize("side", [63, 65, 70])
def test_same_padding_gives_keras_sizes_at_any_size(side: int):
    config = recipe("wallner_gan").discriminator.model_copy(update={"base_channels": 4})
    discriminator = create_discriminator(config)
    data = batch(side)
    for maps in discriminator(data.L, data.ab):
        sizes, expected = [m.shape[-1] for m in maps], []
        for stride in (2, 2, 2, 1, 1):
            side_before = expected[-1] if expected else side
            expected.append(-(-side_before // stride))
        assert sizes == expected
        side = -(-side // 2)
