"""What is the U-Net's own, and model files. The contract of all: test_contract.py."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gan_color.errors import GanColorError
from gan_color.hub.init_from import init_from
from gan_color.hub.model_file import load_model, read_header, save_model
from gan_color.models import registry
from gan_color.models.base import Batch, Colorizer
from gan_color.models.unet import UNet
from tests.helpers.weights import weights_file

FAST = {
    "encoder": "mobilenetv3_small_050",
    "encoder_weights": "none",
    "decoder_channels": [16, 12, 8, 8, 8],
}


def small_unet(**options: object) -> Colorizer:
    torch.manual_seed(0)
    return registry.create("unet", **{**FAST, **options})


def batch(size: tuple[int, int] = (64, 64), count: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(0)
    L = torch.rand(count, 1, *size, generator=generator) * 2 - 1
    ab = torch.rand(count, 2, *size, generator=generator) - 0.5
    return Batch(L, ab, torch.full((count,), -1))


def test_an_unknown_model_is_named_with_the_closest():
    with pytest.raises(GanColorError, match="did you mean 'unet'"):
        registry.create("unett")
    with pytest.raises(GanColorError, match=r"presett: unknown key.*did you mean 'preset'"):
        registry.create("unet", presett="small")


def test_it_starts_from_gray():
    assert torch.all(small_unet().eval()(batch().L) == 0)


@pytest.mark.parametrize(
    "encoder", ["mobilenetv1_100", "resnet34", "convnext_tiny", "efficientnet_b0"]
)
def test_encoders_build_train_and_export(encoder: str, tmp_path: Path):
    model = small_unet(encoder=encoder)
    data = batch((32, 32))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    loss = model.losses(model.train()(data.L), data)["pixel"]
    loss.backward()
    optimizer.step()
    save_model(tmp_path / "m.safetensors", "unet", model, {})
    loaded = load_model(tmp_path / "m.safetensors")
    assert torch.allclose(loaded.predict_ab(data.L), model.predict_ab(data.L), atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"in_chans": 1},
        {"norm": "spectral"},
        {"norm": "batch"},
        {"norm": "none"},
        {"ab_activation": "clip"},
        {"attention_stride": None},
        {"attention_stride": 8},
        {"blur": False},
        {"convs_per_block": 2},
    ],
)
def test_options_build_and_learn(options: dict[str, object]):
    model = small_unet(**options)
    data = batch((32, 32))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(5):
        loss = model.losses(model.train()(data.L), data)["pixel"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def test_padding_makes_any_size_work_in_training_too():
    assert small_unet()(batch((33, 50)).L).shape == (2, 2, 33, 50)


def test_chroma_weight_counts_colorful_pixels_more():
    data = batch()
    zero = torch.zeros_like(data.ab)
    plain = small_unet().losses(zero, data)["pixel"]
    weighted = small_unet(chroma_weight=2.0).losses(zero, data)["pixel"]
    gray = Batch(data.L, zero + 1e-9, data.label)
    assert weighted > plain
    assert torch.isclose(
        small_unet().losses(zero + 0.1, gray)["pixel"],
        small_unet(chroma_weight=2.0).losses(zero + 0.1, gray)["pixel"],
    )


def test_rebalancing_counts_rare_colors_more():
    prior = torch.full((313,), 1e-4, dtype=torch.float64)
    prior[0] = 1 - 312e-4
    model = small_unet(rebalance=0.5)
    assert model.needs_prior
    model.set_prior(prior)
    weights = model.rebalance_weights
    assert weights[1] > weights[0]
    assert weights.max() / weights.mean() < 10


def test_self_attention_starts_as_the_identity_and_mixes_positions():
    from gan_color.models.layers import SelfAttention

    torch.manual_seed(0)
    attention = SelfAttention(32, "none")
    x = torch.randn(1, 32, 4, 4)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.gain.fill_(1.0)
    moved = x.clone()
    moved[..., 0, 0] += 1
    change = (attention(moved) - attention(x))[..., 3, 3]
    assert change.abs().max() > 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_self_attention_keeps_no_matrix_of_all_pairs(layout: torch.memory_format):
    from gan_color.models.layers import SelfAttention

    kept = []
    x = torch.randn(1, 32, 32, 32).contiguous(memory_format=layout).requires_grad_()
    attention = SelfAttention(32, "none").to(memory_format=layout)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        attention(x)
    assert max(t.numel() for t in kept) < 1024**2  # positions squared


def test_upsampling_starts_as_nearest_neighbor():
    from gan_color.models.layers import PixelShuffleUp

    up = PixelShuffleUp(4, 3, "none", blur=False)(torch.randn(1, 4, 5, 5))
    assert torch.equal(up[..., ::2, ::2], up[..., 1::2, 1::2])


# --- Files -----------------------------------------------------------------------------------


def test_a_file_that_is_no_model_is_refused_with_a_sentence(tmp_path: Path):
    with pytest.raises(GanColorError, match="found no file"):
        load_model(tmp_path / "none.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("hello")
    with pytest.raises(GanColorError, match="not a readable safetensors file"):
        load_model(text)
    plain = tmp_path / "plain.safetensors"
    save_file({"x": torch.zeros(1)}, plain)
    with pytest.raises(GanColorError, match="no gan_color header"):
        load_model(plain)


def test_a_file_that_does_not_fit_its_header_is_refused(tmp_path: Path):
    import json

    path = tmp_path / "m.safetensors"
    save_model(path, "unet", small_unet(), {})
    header = read_header(path)
    save_file({"x": torch.zeros(1)}, path, metadata={"gan_color": json.dumps(header)})
    with pytest.raises(GanColorError, match="does not fit its own header"):
        load_model(path)


def test_the_header_asks_for_no_pretrained_weights(tmp_path: Path):
    weights = weights_file(tmp_path / "w.safetensors")
    model = registry.create(
        "unet", **{**FAST, "encoder": "resnet18", "encoder_weights": str(weights)}
    )
    assert isinstance(model, UNet)
    save_model(tmp_path / "m.safetensors", "unet", model, {})
    weights.unlink()
    assert read_header(tmp_path / "m.safetensors")["options"]["encoder_weights"] == "none"
    assert load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize("norm", ["both", "spectral", "batch"])
def test_a_model_file_is_a_place_to_start_from(tmp_path: Path, norm: str):
    """Folded spectral norms are unfolded again: the same colors, and training goes on."""
    trained = small_unet(norm=norm)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    trained.train()(batch().L)  # moves statistics and singular vectors
    for _ in range(30):
        trained(batch().L)
    trained.eval()
    save_model(tmp_path / "m.safetensors", "unet", trained, {})
    started = small_unet(norm=norm)
    init_from(started, "unet", tmp_path / "m.safetensors")
    L = batch((96, 64)).L
    assert torch.allclose(started.predict_ab(L), trained.predict_ab(L), atol=1e-4)
    output = started.train()(L)
    losses = started.losses(output, batch((96, 64)))
    torch.stack(list(losses.values())).sum().backward()


def test_starting_from_another_model_is_refused(tmp_path: Path):
    path = tmp_path / "m.safetensors"
    save_model(path, "unet", small_unet(), {})
    with pytest.raises(GanColorError, match=r"run\.init_from: .* does not fit"):
        init_from(small_unet(decoder_channels=[16, 12, 8, 8, 4]), "unet", path)
    with pytest.raises(GanColorError, match=r"run\.init_from: .* does not fit"):
        init_from(small_unet(convs_per_block=2), "unet", path)
    with pytest.raises(GanColorError, match="holds a 'unet', expected a 'zhang16'"):
        init_from(small_unet(), "zhang16", path)
