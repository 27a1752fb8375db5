"""The pix2pixHD discriminators."""

import pytest
import torch

from gan_color.models.discriminators import (
    Critic,
    DiscriminatorConfig,
    MultiscaleDiscriminator,
    PatchDiscriminator,
    create_discriminator,
)


def images(size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    L = torch.rand(2, 1, size, size, generator=generator)
    return L, torch.rand(2, 2, size, size, generator=generator)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_pix2pix_start_is_n_0_002_and_pytorchs_stays_the_default(norm: str):
    config = DiscriminatorConfig(num_discriminators=1, base_channels=32, norm=norm)
    torch.manual_seed(0)
    plain = create_discriminator(config)
    assert config.init == "default"
    torch.manual_seed(0)
    found = create_discriminator(config.model_copy(update={"init": "normal_0.02"}))
    named = dict(found.named_parameters())
    assert {name: p.shape for name, p in plain.named_parameters()} == {
        name: p.shape for name, p in named.items()
    }
    convolutions = [m for m in found.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in found.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert (len(convolutions), len(norms)) == (5, 3 if norm == "batch" else 0)
    for conv in convolutions:
        weight, count = conv.weight, conv.weight.numel()
        assert weight.mean().item() == pytest.approx(0.0, abs=5 * 0.02 / count**0.5)
        assert weight.std().item() == pytest.approx(0.02, rel=5 / (2 * count) ** 0.5)
        assert conv.bias is None or not conv.bias.any()
    for module in norms:
        assert module.weight.mean().item() == pytest.approx(1.0, abs=0.02)
        assert 0.01 < module.weight.std().item() < 0.03
        assert not module.bias.any()


@pytest.mark.parametrize("options", [{"kind": "critic"}, {"norm": "spectral"}])
def test_a_start_that_would_mean_nothing_is_refused(options: dict[str, str]):
    said = rf"discriminator\.init: found 'normal_0\.02'.*{next(iter(options.values()))}"
    with pytest.raises(ValueError, match=said):
        DiscriminatorConfig(init="normal_0.02", **options)


def test_it_has_the_published_number_of_parameters():
    # Wang et al. 2018 with instance norm and three input channels: 5,529,474 for two scales.
    two = MultiscaleDiscriminator(num_discriminators=2, norm="instance")
    assert sum(p.numel() for p in two.parameters()) == 5_529_474


def test_every_scale_returns_all_features_the_logits_last():
    found = MultiscaleDiscriminator(num_discriminators=3, num_layers=3, base_channels=8)(*images())
    assert len(found) == 3
    for maps in found:
        assert [m.shape[1] for m in maps] == [8, 16, 32, 64, 1]
    widths = [maps[0].shape[-1] for maps in found]
    assert widths[0] > widths[1] > widths[2]


def test_scales_have_weights_of_their_own():
    first, second = MultiscaleDiscriminator(num_discriminators=2, base_channels=8).discriminators
    assert not set(first.parameters()) & set(second.parameters())


@pytest.mark.parametrize("norm", ["spectral", "instance", "none"])
@pytest.mark.parametrize("attention", [False, True])
def test_options_build_and_reach_every_parameter(norm: str, attention: bool):
    discriminator = MultiscaleDiscriminator(
        num_discriminators=2, base_channels=8, norm=norm, attention=attention
    )
    if attention:
        with torch.no_grad():
            for name, parameter in discriminator.named_parameters():
                if name.endswith("gain"):
                    parameter.fill_(0.5)
    L, ab = images()
    ab.requires_grad_()
    torch.stack([maps[-1].mean() for maps in discriminator(L, ab)]).sum().backward()
    assert ab.grad.abs().sum() > 0
    assert all(p.grad is not None for p in discriminator.parameters())


def test_the_critic_sees_colors_and_reaches_every_parameter():
    critic = Critic(8)
    with torch.no_grad():
        for name, parameter in critic.named_parameters():
            if name.endswith("gain"):
                parameter.fill_(0.5)
    L, ab = images()
    ab.mul_(0.2).requires_grad_()  # colors out of the gamut are clipped
    features = critic(L, ab)
    assert len(features) == 1
    features[0][-1].mean().backward()
    assert ab.grad.abs().sum() > 0
    assert all(p.grad is not None for p in critic.parameters())


def test_a_patch_sees_70_pixels():
    discriminator = PatchDiscriminator(inputs=1, num_layers=3, base_channels=4, norm="none").eval()
    x = torch.zeros(1, 1, 256, 256, requires_grad=True)
    logits = discriminator(x)[-1]
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    rows = x.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_spectral_norm_bounds_every_layer():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(base_channels=8).train()
    for _ in range(50):
        discriminator(torch.randn(1, 3, 32, 32))
    for module in discriminator.modules():
        if isinstance(module, torch.nn.Conv2d):
            largest = torch.linalg.matrix_norm(module.weight.flatten(1), ord=2)
            assert float(largest) == pytest.approx(1.0, abs=0.05)
