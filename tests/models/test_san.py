"""SAN: a last layer whose direction learns apart from the features it sees."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color.losses.gan import GanMode, discriminator_loss
from gan_color.models.discriminators import (
    DiscriminatorConfig,
    MultiscaleDiscriminator,
    create_discriminator,
)
from gan_color.models.discriminators.normalized_layer import NormalizedConv2d

SMALL = {"num_discriminators": 2, "base_channels": 8, "san": True}


def discriminator(**options: object) -> MultiscaleDiscriminator:
    torch.manual_seed(0)
    found = create_discriminator(DiscriminatorConfig.model_validate({**SMALL, **options}))
    assert isinstance(found, MultiscaleDiscriminator)
    return found


def last_layers(found: MultiscaleDiscriminator) -> list[NormalizedConv2d]:
    layers = [module for module in found.modules() if isinstance(module, NormalizedConv2d)]
    assert len(layers) == 2
    return layers


def images(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    L, ab = (torch.rand(4, channels, 32, 32, generator=generator) for channels in (1, 2))
    return L, ab


@pytest.mark.parametrize("padding", [1, 2, "same"])
def test_its_logits_are_those_of_a_convolution_with_its_weight(padding: int | str):
    layer = NormalizedConv2d(5, 4, padding)
    x = torch.rand(2, 5, 9, 7)
    plain = torch.nn.Conv2d(5, 1, 4, padding=padding, bias=False)
    plain.weight = layer.weight
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer.direction_logits(x), plain(x))


@pytest.mark.parametrize("gan_mode", ["lsgan", "hinge", "vanilla"])
def test_the_adversarial_loss_scales_the_last_layer_and_never_turns_it(gan_mode: GanMode):
    found = discriminator(norm="none")
    features = found(*images(0))
    discriminator_loss(gan_mode, features, True).backward()
    for layer in last_layers(found):
        assert layer.weight.grad.norm() > 0
        cosine = F.cosine_similarity(layer.weight.grad.flatten(), layer.weight.flatten(), dim=0)
        assert abs(cosine.item()) == pytest.approx(1, abs=1e-4)


def test_the_direction_alone_is_turned_by_its_loss():
    found = discriminator()
    for is_real in (True, False):
        features = found(*images(int(is_real)))
        whole = found.loss("hinge", features, is_real)
        (whole - discriminator_loss("hinge", features, is_real)).backward()
    layers = last_layers(found)
    touched = {
        id(p) for p in found.parameters() if p.grad is not None and p.grad.abs().sum() > 1e-6
    }
    assert touched == {id(layer.weight) for layer in layers}
    for layer in layers:
        cosine = F.cosine_similarity(layer.weight.grad.flatten(), layer.weight.flatten(), dim=0)
        assert abs(cosine.item()) < 1e-3


def test_it_turns_to_where_real_and_fake_features_are_farthest_apart():
    """Takida et al. 2024, direction optimality: the maximum is along the difference of means."""
    found = discriminator(num_discriminators=1, norm="none")
    (layer,) = [module for module in found.modules() if isinstance(module, NormalizedConv2d)]
    real, fake = torch.rand(4, 64, 4, 4), torch.rand(4, 64, 4, 4) ** 2
    optimizer = torch.optim.SGD([layer.weight], lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        for is_real, maps in ((True, real), (False, fake)):
            features = [[maps, layer(maps)]]
            alone = discriminator_loss("hinge", features, is_real)
            (found.loss("hinge", features, is_real) - alone).backward()
        optimizer.step()
    # What a logit of the mean patch is: the patches of the means, averaged.
    patches = [F.unfold(maps, 4, padding=2).mean(dim=(0, 2)) for maps in (real, fake)]
    best = patches[0] - patches[1]
    assert F.cosine_similarity(layer.weight.flatten(), best, dim=0).item() > 0.999


def test_weights_of_images_count_in_it_too():
    found = discriminator()
    L, ab = images(0)
    with torch.no_grad():
        features = found(L, ab)
        share = [found.loss("lsgan", features, True, w) for w in torch.eye(4)]
        whole = found.loss("lsgan", features, True, torch.ones(4))
        torch.testing.assert_close(torch.stack(share).sum(), whole)
        torch.testing.assert_close(whole, found.loss("lsgan", features, True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "critic"}, r"discriminator\.san: found True, but kind: critic"),
        ({"matched_features": "linear"}, r"discriminator\.san: found true with matched_features"),
    ],
)
def test_it_is_refused_where_there_is_no_such_layer(options: dict[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        DiscriminatorConfig.model_validate({"san": True, **options})
