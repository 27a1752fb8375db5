"""zhang16 against the paper and its authors' files: soft code, rebalancing, published weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gan_color.color import ab_bins
from gan_color.errors import GanColorError
from gan_color.models import registry
from gan_color.models.base import Batch
from gan_color.models.zhang16 import Zhang16
from gan_color.training.amp import AmpOptimizer
from gan_color.training.steps import SupervisedStep
from tests.helpers.tiny_steps import FP32


def zhang16(**options: Any) -> Zhang16:
    torch.manual_seed(0)
    model = registry.create("zhang16", base_channels=8, **options)
    assert isinstance(model, Zhang16)
    return model


def test_the_soft_code_is_the_papers():
    """Equation 2's targets by hand: 10 nearest bins, Gaussian of 5 on the distance, sum 1."""
    ab = torch.tensor([17.3, -31.8]).view(1, 2, 1, 1) / 110
    index, share = ab_bins.soft_encode(ab, 10, 5.0)
    distance = (ab_bins.ab_bins() - torch.tensor([17.3, -31.8])).norm(dim=1)
    nearest = distance.argsort()[:10]
    wanted = torch.exp(-distance[nearest].square() / 50)
    assert index.flatten().tolist() == nearest.tolist()
    assert torch.allclose(share.flatten(), wanted / wanted.sum(), atol=1e-6)
    assert index[0, 0, 0, 0] == ab_bins.nearest_bin(ab)[0, 0, 0]


def test_prior_factors_are_the_authors():
    """PriorFactor of their Caffe layers: ((1 - 0.5) p + 0.5 u)^-1, scaled to mean 1 under p."""
    prior = ab_bins.smooth_prior(torch.arange(313, dtype=torch.float64) ** 2)
    factor = 1 / (0.5 * prior + 0.5 / 313)
    factor /= (prior * factor).sum()
    model = zhang16()
    model.set_prior(prior)
    assert torch.allclose(model.rebalance_weights.double(), factor, rtol=1e-5)


def test_the_annealed_mean_lies_between_mode_and_mean():
    """Equation 5: temperature 1 is the mean of the bins, 0 the likeliest one."""
    logits = torch.full((1, 313, 8, 8), -50.0)
    logits[:, 100], logits[:, 200] = 2.0, 1.0
    first, second = ab_bins.ab_bins()[100], ab_bins.ab_bins()[200]
    for temperature in (1.0, 0.38):
        share = torch.tensor([2.0, 1.0]).div(temperature).softmax(0)
        wanted = (share[0] * first + share[1] * second) / 110
        found = zhang16(temperature=temperature).decode(logits)
        assert found.shape == (1, 2, 32, 32)
        assert torch.allclose(found[0, :, 5, 5], wanted, atol=1e-5)
    assert torch.equal(zhang16().decode(logits), found)  # 0.38 is the default


def test_gray_images_teach_nothing_and_rare_colors_more():
    model = zhang16()
    model.set_prior(torch.full((313,), 1 / 313, dtype=torch.float64))
    logits = torch.zeros(2, 313, 4, 4)
    ab = torch.zeros(2, 2, 16, 16)
    ab[1] = 0.5
    one = Batch(torch.zeros(2, 1, 16, 16), ab, torch.tensor([-1, -1]))
    both = Batch(one.L, torch.full_like(ab, 0.5), one.label)
    losses = [float(model.losses(logits, data)["classification"]) for data in (one, both)]
    assert losses[0] == pytest.approx(losses[1] / 2)
    assert losses[1] == pytest.approx(torch.tensor(313.0).log().item(), rel=1e-5)


def test_the_cross_entropy_is_logged_without_its_weights_too():
    """A rare color's pixels decide the weighted one; the other is the authors' logged loss."""
    model, ab = zhang16(), torch.zeros(2, 2, 16, 16)
    ab[0] = torch.tensor([0.5, -0.3]).view(2, 1, 1)
    ab[1, :, :8] = 0.4
    data = Batch(torch.rand(2, 1, 16, 16), ab, torch.tensor([-1, -1]))
    prior = torch.full((313,), 1.0, dtype=torch.float64)
    prior[ab_bins.nearest_bin(ab[:1])[0, 0, 0]] = 300.0
    model.set_prior(prior / prior.sum())
    output = model(data.L)
    target = ab[:, :, ::4, ::4]
    index, share = ab_bins.soft_encode(target, 10, 5.0)
    plain = -(share * output.log_softmax(1).gather(1, index)).sum(1)
    monitored = {name: value.item() for name, value in model.monitored(output, data).items()}
    assert monitored == {"classification_unweighted": pytest.approx(plain.mean().item(), rel=1e-5)}
    weighted = model.losses(output, data)["classification"]
    assert weighted.item() != pytest.approx(plain.mean().item(), rel=0.05)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    step = SupervisedStep(
        model, AmpOptimizer(model, optimizer, FP32, 0.0), FP32, grad_accum_steps=2
    )
    logged = step(data)
    assert logged["total"] == pytest.approx(logged["classification"].item())
    assert set(logged) >= {"classification", "classification_unweighted"}


def published(model: Zhang16) -> dict[str, torch.Tensor]:
    """The file the authors would publish for such a network: their names, their decode weights."""
    renamed = {}
    for key, value in model.state_dict().items():
        if key.startswith("body."):
            _, block, rest = key.split(".", 2)
            renamed[f"model{int(block) + 1}.{rest}"] = value
        elif key.startswith("head."):
            renamed[key.replace("head", "model8.6")] = value
    renamed["model_out.weight"] = (ab_bins.ab_bins().T / 110)[:, :, None, None]
    return {key: value.clone().contiguous() for key, value in renamed.items()}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_published_weights_load_by_path(suffix: str, tmp_path: Path):
    trained, path = zhang16(), tmp_path / f"colorization_release_v2{suffix}"
    with torch.no_grad():
        trained.head.bias.normal_()
    stored = published(trained)
    assert "model1.4.running_mean" in stored  # BatchNorm after the block's last ReLU
    (torch.save if suffix == ".pth" else save_file)(stored, path)
    loaded = registry.create("zhang16", base_channels=8, weights=str(path))
    L = torch.rand(1, 1, 32, 32)
    # The authors' forward: no temperature, the softmax through their decode weights.
    logits = trained.eval()(L)
    mean = nn.functional.conv2d(logits.softmax(1), stored["model_out.weight"])
    wanted = nn.functional.interpolate(mean, scale_factor=4, mode="bilinear")
    assert torch.allclose(loaded.eval().decode(loaded(L)), wanted, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.38, 0.5])
def test_published_weights_are_trained_on_the_logits_that_equation_2_is_of(
    temperature: float, tmp_path: Path
):
    """The published head carries 1 / T: what is learned from is the net's own form, without it."""
    torch.manual_seed(0)
    own, path = zhang16(temperature=temperature), tmp_path / "published.safetensors"
    with torch.no_grad():
        own.head.weight.normal_()
    stored = published(own)
    annealed = {key: t / temperature if "model8.6" in key else t for key, t in stored.items()}
    save_file(annealed, path)
    loaded = zhang16(weights=str(path), temperature=temperature)
    prior = torch.rand(313, dtype=torch.float64) + 0.1
    data = Batch(torch.rand(2, 1, 32, 32), torch.rand(2, 2, 32, 32) - 0.5, torch.tensor([-1, -1]))
    found = []
    for model in (own, loaded):
        model.set_prior(prior / prior.sum())
        output = model.eval()(data.L)
        found.append((model.losses(output, data)["classification"], model.decode(output)))
    assert torch.isclose(found[0][0], found[1][0], rtol=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model9.0.weight": torch.zeros(1)}, "model9.0.weight"),
        ({"model8.6.bias": torch.zeros(7)}, r"model8\.6\.bias of shape \(7,\), expected \(313,\)"),
        ({"model_out.weight": torch.zeros(2, 3, 1, 1)}, r"model_out\.weight of shape"),
    ],
)
def test_other_weights_are_refused(change: dict[str, torch.Tensor], message: str, tmp_path: Path):
    path = tmp_path / "w.pth"
    torch.save({**published(zhang16()), **change}, path)
    with pytest.raises(GanColorError, match=message):
        zhang16(weights=str(path))


def test_a_pickle_that_is_more_than_tensors_is_not_run(tmp_path: Path):
    path, touched = tmp_path / "evil.pth", tmp_path / "touched"

    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
            return (Path.touch, (touched,))

    torch.save({"model1.0.weight": Evil()}, path)
    (tmp_path / "words.pth").write_text("# No tensors here\n")
    for name in ("evil.pth", "words.pth"):
        with pytest.raises(GanColorError, match="cannot be read as tensors") as caught:
            zhang16(weights=str(tmp_path / name))
        assert "weights_only" not in str(caught.value)  # torch's advice, to read it without care
    assert not touched.exists()
    with pytest.raises(GanColorError, match=r"found no file.*https://.*release_v2"):
        zhang16(weights=str(tmp_path / "none.pth"))
