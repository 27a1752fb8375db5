"""The critic on frozen pretrained features: what it sees, what of it trains, what it weighs."""

import copy
import io
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gan_color.color.lab import from_rgb8
from gan_color.errors import GanColorError
from gan_color.losses import gan
from gan_color.models.discriminators import DiscriminatorConfig, create_discriminator
from gan_color.models.discriminators.feature_critic import (
    FeatureCritic,
    FeatureCriticConfig,
    low_pass,
)
from tests.helpers.tiny_steps import discriminator, with_critic
from tests.helpers.weights import weights_file


def images(size: int = 64, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return from_rgb8(torch.randint(0, 256, (2, 3, size, size), generator=g, dtype=torch.uint8))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_file(tmp_path_factory.mktemp("weights") / "w.safetensors", "test_resnet")


def from_file(path: Path, **options: object) -> FeatureCritic:
    config = FeatureCriticConfig(backbone="test_resnet", weights=str(path), width=8, **options)
    return FeatureCritic(config)


def test_it_stands_beside_the_patch_discriminators_with_patch_logits_alone():
    found = with_critic()(*images())
    assert [len(maps) for maps in found] == [5, 5, 5, 1, 1, 1]
    assert [tuple(maps[-1].shape) for maps in found[3:]] == [
        (2, 1, 16, 16),
        (2, 1, 8, 8),
        (2, 1, 4, 4),
    ]
    plain = discriminator()(*images())
    for maps, expected in zip(found[:3], plain, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(maps, expected, strict=True))


def test_the_backbone_sees_the_photograph_as_it_was_trained_to(backbone: Path):
    import timm

    critic = from_file(backbone, strides=(8,))
    rgb = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    critic.heads = nn.ModuleList([nn.Identity()])
    ((found,),) = critic(*from_rgb8(rgb))
    torch.manual_seed(1)  # as weights_file
    network = timm.create_model("test_resnet").eval()
    cfg = network.default_cfg
    mean, std = (torch.tensor(cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    expected = network.forward_intermediates((rgb / 255 - mean) / std, intermediates_only=True)
    assert torch.allclose(found, expected[2], atol=1e-3)


def test_nothing_of_training_reaches_the_backbone_and_the_generator_learns_through_it():
    combined = with_critic().train()
    before = copy.deepcopy(combined.critic._backbone.state_dict())
    assert any("running_mean" in name for name in before)
    combined.requires_grad_(True)
    L, ab = images()
    ab.requires_grad_()
    gan.adversarial_loss("lsgan", combined(L, ab)[3:]).backward()
    assert ab.grad is not None
    assert ab.grad.isfinite().all()
    assert ab.grad.abs().max() > 0
    assert not any(
        p.requires_grad or p.grad is not None for p in combined.critic._backbone.parameters()
    )
    assert not any(m.training for m in combined.critic._backbone.modules())
    heads = {id(p) for p in combined.critic.heads.parameters()}
    assert {id(p) for p in combined.critic.parameters()} == heads
    assert all(torch.equal(v, before[k]) for k, v in combined.critic._backbone.state_dict().items())
    combined.to(memory_format=torch.channels_last).double()
    assert all(p.dtype == torch.float64 for p in combined.critic._backbone.parameters())


def test_a_checkpoint_keeps_the_heads_and_the_name_of_the_backbone(backbone: Path, tmp_path: Path):
    critic = from_file(backbone)
    state = critic.state_dict()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    assert len(buffer.getvalue()) < 0.1 * backbone.stat().st_size
    again = from_file(backbone)
    again.load_state_dict(state)
    L, ab = images()
    critic.eval(), again.eval()
    assert all(torch.equal(a, b) for (a,), (b,) in zip(critic(L, ab), again(L, ab), strict=True))

    other = copy.deepcopy(critic)
    other._backbone.backbone.conv1[0].weight.data[0] += 1
    other._sha256 = ""
    with pytest.raises(GanColorError, match=r"discriminator\.features: .* same weights file"):
        other.load_state_dict(state)


def test_fine_color_is_averaged_and_lightness_is_not():
    L, ab = images()
    critic = with_critic(lowpass=8).critic
    fine = ab + 0.2 * (-1.0) ** torch.arange(64)  # stripes of two pixels, of mean 0
    seen = [low_pass(x, 8) for x in (ab, fine)]
    assert seen[0].shape == ab.shape
    assert torch.allclose(*seen, atol=1e-6)
    assert torch.allclose(critic(L, ab)[0][0], critic(L, fine)[0][0], atol=1e-4)
    assert not torch.allclose(critic(L, ab)[0][0], critic(L * 0.5, ab)[0][0], atol=1e-3)
    as_is = with_critic().critic
    assert not torch.allclose(as_is(L, ab)[0][0], as_is(L, fine)[0][0], atol=1e-3)
    odd = low_pass(ab[..., :50, :37], 8)
    assert odd.shape == (2, 2, 50, 37)
    plain = torch.full((1, 2, 50, 37), 0.3)
    assert torch.allclose(low_pass(plain, 8), plain)


def test_weight_1_counts_as_much_as_one_patch_discriminator():
    logits = [[torch.zeros(1), torch.full((1, 1, 2, 2), 0.5)] for _ in range(3)]
    heads = [[torch.full((1, 1, 2, 2), 0.5)] for _ in range(3)]
    both = [*logits, *heads]
    for weight in (1.0, 0.3):
        combined = with_critic(weight=weight)
        expected = 0.5 * (3 + weight) * 0.25
        assert float(combined.loss("lsgan", both, True)) == pytest.approx(expected)
        assert float(combined.adversarial_loss("lsgan", both)) == pytest.approx((3 + weight) * 0.25)
    assert gan.feature_matching_loss(both, both) == 0
    moved = [[maps[0] + 1, *maps[1:]] for maps in logits] + heads
    alone = gan.feature_matching_loss(moved[:3], logits)
    assert alone > 0
    assert gan.feature_matching_loss(moved, both) == alone


@pytest.mark.parametrize(
    ("accuracy", "fading", "rising"),
    [(0.5, 1.0, 0.0), (0.8, 0.5, 0.5), (0.9, 0.25, 0.75), (1.0, 0.0, 1.0)],
)
def test_a_gate_follows_the_accuracy(accuracy: float, fading: float, rising: float):
    for gate, expected in (
        ({"closed": 1.0, "open": 0.6}, fading),
        ({"closed": 0.6, "open": 1.0}, rising),
    ):
        combined = with_critic(gate=gate)
        for _ in range(600):
            logged = combined.end_update({"accuracy_features": torch.tensor(accuracy)})
        assert float(logged["feature_gate"]) == pytest.approx(expected, abs=1e-3)
        both = [[torch.zeros(1, 1, 1, 1)]] * 6
        assert float(combined.adversarial_loss("lsgan", both)) == pytest.approx(
            3 + expected, abs=1e-3
        )
        assert float(combined.loss("lsgan", both, True)) == pytest.approx(2.0)


def test_its_accuracy_has_a_name_of_its_own():
    right, wrong = [torch.ones(1, 1, 2, 2)], [torch.zeros(1, 1, 2, 2)]
    found = with_critic().accuracies("lsgan", [right] * 6, [wrong] * 3 + [right, wrong, wrong])
    assert {name: round(float(value), 4) for name, value in found.items()} == {
        "accuracy_0": 1.0,
        "accuracy_1": 1.0,
        "accuracy_2": 1.0,
        "accuracy_features": 0.8333,
    }


def test_its_heads_learn_to_tell_color_from_less_of_it(backbone: Path):
    torch.manual_seed(0)
    critic = from_file(backbone, strides=(4,))
    optimizer = torch.optim.Adam(critic.parameters(), 1e-2)
    (L, ab), unseen = images(32), images(32, seed=1)

    def lead(L: Tensor, ab: Tensor) -> Tensor:
        real, fake = critic(L, ab), critic(L, ab * 0.3)
        return real[0][0].mean() - fake[0][0].mean()

    before = float(lead(*unseen))
    for _ in range(10):
        optimizer.zero_grad()
        (-lead(L, ab)).backward()
        optimizer.step()
    assert float(lead(*unseen)) > before + 0.1


def test_it_runs_under_autocast_and_compiled():
    combined = with_critic(lowpass=4).eval()
    L, ab = images()
    plain = combined(L, ab)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = combined(L, ab.bfloat16())
    assert half[3][0].dtype == torch.bfloat16
    assert torch.allclose(half[3][0].float(), plain[3][0], atol=0.05)
    compiled = torch.compile(combined, backend="eager", fullgraph=True, dynamic=True)(L, ab)
    assert torch.allclose(compiled[3][0], plain[3][0], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "none"}, r"features\.weights: found 'none', expected 'pretrained'"),
        ({"gate": {"closed": 0.8, "open": 0.8}}, "found 0.8 twice"),
        ({"strides": ()}, "at least 1"),
    ],
)
def test_a_critic_that_would_mean_nothing_is_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        FeatureCriticConfig(**options)


def test_strides_that_the_backbone_lacks_and_files_that_do_not_fit_are_named(tmp_path: Path):
    with pytest.raises(GanColorError, match=r"strides: found 64, but test_resnet has .* 2, 4, 8"):
        with_critic(strides=(4, 64))
    features = FeatureCriticConfig(backbone="test_resnet", weights=str(tmp_path / "missing"))
    with pytest.raises(GanColorError, match=r"weights: found .*missing"):
        create_discriminator(DiscriminatorConfig(base_channels=8, features=features))
