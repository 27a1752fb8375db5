"""The contract that every registered colorizer keeps, on small instances of each."""

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_color.data import samples
from gan_color.data.simulated_hints import whole_palette
from gan_color.errors import GanColorError
from gan_color.hub.model_file import load_model, read_header, save_model
from gan_color.images.resize import evaluation_crop
from gan_color.inference.onnx_model import OPSET
from gan_color.models import registry
from gan_color.models.base import Batch, Colorizer
from gan_color.models.hints import Hints

UNET = {
    "encoder": "test_resnet",
    "encoder_weights": "none",
    "decoder_channels": [16, 12, 8, 8, 8],
}
KOALARIZATION = {
    "base_channels": 8,
    "classifier": "test_resnet",
    "classifier_weights": "none",
    "classifier_size": 32,
}
# Small instances: the same code as the published sizes, which test_parity.py counts.
SMALL: dict[str, list[dict[str, Any]]] = {
    "unet": [
        UNET,
        {**UNET, "decoder": "queries", "query_width": 32, "num_queries": 8, "query_layers": 3},
        {**UNET, "hints": True},
    ],
    "zhang16": [{"base_channels": 8}],
    "zhang16_regression": [{"base_channels": 8}],
    "iizuka16": [{"base_channels": 8, "classes": 3, "global_size": 32}],
    "koalarization": [
        KOALARIZATION,
        {**KOALARIZATION, "decoder": "full", "embedding": "softmax", "lightness": "raw"},
        {**KOALARIZATION, "decoder": "extended", "classifier_input": "raw"},
    ],
    "colornet": [
        {"channels": [8, 16, 32]},
        {
            "channels": [8, 16, 32],
            "flow": "gray",
            "down": "max",
            "up": "transposed",
            "scaling": "minmax",
        },
        {"channels": [8, 16, 32], "head": "linear", "lightness_max": 255.0},
    ],
    "alpha": [{}],
    "beta": [{"width_mult": 0.125}],
    "wallner_gan": [{"base_channels": 4, "lightness": "unit", "ab_range": 128.0}],
    "pix2pix": [{"num_downs": 5, "base_channels": 8}],
    "pix2pixhd": [{"num_downs": 2, "base_channels": 8, "blocks": 1, "l1": 1.0}],
    "ddcolor": [
        {
            "encoder": "test_convnext",
            "encoder_weights": "none",
            "base_channels": 32,
            "num_heads": 4,
            "num_queries": 8,
            "query_layers": 3,
            "dim_feedforward": 32,
        }
    ],
    "siggraph17": [{"base_channels": 8}],
    "deoldify": [
        {"encoder": "test_resnet", "encoder_weights": "none", "width_mult": 0.03125},
        {"kind": "deep", "encoder": "test_resnet", "encoder_weights": "none", "width_mult": 0.25},
    ],
}
CASES = [
    pytest.param(name, options, id=f"{name}-{i}" if i else name)
    for name, instances in SMALL.items()
    for i, options in enumerate(instances)
]
STEPS = {"koalarization": 90, "beta": 90, "ddcolor": 60, "deoldify": 120}  # else 40
RATES = {"pix2pixhd": 1e-3, "deoldify": 1e-2}  # else 3e-3
every_model = pytest.mark.parametrize(("name", "options"), CASES)


def create(name: str, options: dict[str, Any]) -> Colorizer:
    torch.manual_seed(0)
    model = registry.create(name, **options)
    if model.needs_prior:
        model.set_prior(torch.full((313,), 1 / 313, dtype=torch.float64))
    return model


def batch(size: tuple[int, int] = (64, 64), count: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(0)
    L = torch.rand(count, 1, *size, generator=generator) * 2 - 1
    ab = torch.rand(count, 2, *size, generator=generator) - 0.5
    return Batch(L, ab, torch.arange(count))


@pytest.fixture(scope="module")
def photographs() -> Batch:
    """Four photographs that installed packages carry, at 32 px."""
    paths = list(samples.photographs().values())[:4]
    crops = torch.stack([evaluation_crop(path, 32, "area") for path in paths])
    return Batch.from_rgb8(crops, torch.tensor([0, 1, 2, -1]))


def total(model: Colorizer, data: Batch) -> Tensor:
    hints = hints_of(data) if model.takes_hints else None
    return torch.stack(list(model.losses(model.run(data.L, hints), data).values())).sum()


def hints_of(data: Batch) -> Hints:
    """The truth at one place of each image, and its palette."""
    mask = torch.zeros_like(data.L)
    mask[..., 3:6, 10:12] = 1
    return Hints(data.ab * mask, mask, whole_palette(data.ab))


def leave_special_points(model: Colorizer) -> None:
    """Heads and gains that start at 0 hide what is before them."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 1e-2)


@every_model
def test_hints_are_taken_or_refused(name: str, options: dict[str, Any]):
    model, data = create(name, options).eval(), batch((65, 97), 2)
    leave_special_points(model)
    hints = hints_of(data)
    assert model.takes_hints == bool(options.get("hints") or name == "siggraph17")
    if not model.takes_hints:
        for call in (model.run, model.predict_ab, model.forward_ab):
            with pytest.raises(GanColorError, match=r"hints: this model takes none, expected"):
                call(data.L, hints)
        return
    plain = model.predict_ab(data.L)
    assert not torch.equal(model.predict_ab(data.L, hints), plain)
    nothing = Hints(hints.ab, torch.zeros_like(hints.mask))
    assert torch.equal(model.predict_ab(data.L, nothing), plain)
    # What is not hinted is not read, and an image does not see another's hints.
    told = torch.where(hints.mask > 0, hints.ab, torch.ones_like(hints.ab))
    loud = replace(hints, ab=told)
    assert torch.equal(model.predict_ab(data.L, loud), model.predict_ab(data.L, hints))
    second = Hints(hints.ab, hints.mask * torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
    assert torch.equal(model.predict_ab(data.L, second)[0], plain[0])


def test_no_model_is_left_out():
    assert list(SMALL) == registry.names()


@every_model
def test_a_colorizer_keeps_the_contract(name: str, options: dict[str, Any], tmp_path: Path):
    model, data = create(name, options), batch()

    # Training: losses are finite scalars, and every parameter is reached.
    output = model.train()(data.L)
    losses = model.losses(output, data)
    assert losses
    assert all(value.ndim == 0 and value.isfinite() for value in losses.values())
    assert model.decode(output).shape == data.ab.shape
    leave_special_points(model)
    total(model, data).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert not missing

    # Coloring: any size, in range, deterministic, and the mode is left as it was.
    odd = batch((65, 97), 1).L
    colorized = model.predict_ab(odd)
    assert colorized.shape == (1, 2, 65, 97)
    assert colorized.dtype == torch.float32
    assert colorized.isfinite().all()
    assert colorized.abs().max() <= 1
    assert torch.equal(colorized, model.predict_ab(odd))
    assert model.training
    assert colorized.std() > 0
    assert not torch.equal(colorized, model.predict_ab(-odd))

    # Groups: each parameter once.
    grouped = [id(p) for group in model.parameter_groups() for p in group]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())

    # A file: the same colors from it, without parametrizations, without the network.
    path = tmp_path / "model.safetensors"
    before = {k: v.clone() for k, v in model.state_dict().items()}
    save_model(path, name, model, {"note": "test"})
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    loaded = load_model(path)
    assert read_header(path)["record"] == {"note": "test"}
    assert not any("parametrizations" in key for key in loaded.state_dict())
    assert torch.allclose(loaded.predict_ab(odd), colorized, atol=1e-5)


@every_model
def test_one_step_lowers_the_loss_on_its_batch(name: str, options: dict[str, Any]):
    model, data = create(name, options).train(), batch()
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    losses = []
    for _ in range(2):
        torch.manual_seed(1)  # the same dropout before and after
        loss = total(model, data)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    assert losses[1] < losses[0]


@every_model
def test_it_learns_four_photographs_by_heart(
    name: str, options: dict[str, Any], photographs: Batch
):
    model = create(name, options)
    prior = torch.zeros(313, dtype=torch.float64)
    if model.needs_prior:
        from gan_color.color.ab_bins import bin_histogram, smooth_prior

        prior = smooth_prior(bin_histogram(photographs.ab))
        model.set_prior(prior)
    optimizer = torch.optim.Adam(model.parameters(), RATES.get(name, 3e-3))
    for _ in range(STEPS.get(name, 40)):
        total(model.train(), photographs).backward()
        optimizer.step()
        optimizer.zero_grad()
    # As training sees them: BatchNorm's averages over so few steps are another question.
    with torch.no_grad():
        hints = hints_of(photographs) if model.takes_hints else None
        ab = model.decode(model.run(photographs.L, hints))
    error = (ab - photographs.ab).square().mean() / photographs.ab.square().mean()
    assert error < 0.5  # of what gray is wrong by


@every_model
def test_it_compiles_as_one_graph(name: str, options: dict[str, Any]):
    """Captured without a break, forward and decode; what the compiler makes of it is torch's."""
    model, L = create(name, options).eval(), batch(count=1).L
    leave_special_points(model)
    torch.compiler.reset()
    compiled = torch.compile(lambda L: model.decode(model(L)), backend="eager", fullgraph=True)
    with torch.no_grad():
        assert torch.allclose(compiled(L), model.decode(model(L)), atol=1e-5)


class _All(nn.Module):
    """All models as one, so that what an export costs is paid once."""

    def __init__(self, members: list[Colorizer]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        return tuple(model.decode(model(L)) for model in self.members)


def test_onnx_gives_the_same_colors(tmp_path: Path):
    import onnxruntime

    members = []
    for case in CASES:
        model = create(*case.values)
        leave_special_points(model)
        members.append(copy.deepcopy(model).fold().eval())
    whole, L = _All(members).eval(), batch(count=1).L
    path = tmp_path / "all.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # As export_onnx does it, at one size.
        torch.onnx.export(whole, (L,), path, dynamo=False, opset_version=OPSET)
        expected = whole(L)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: L.numpy()})
    wrong = {
        case.id: float(np.abs(mine - wanted.numpy()).max())
        for case, mine, wanted in zip(CASES, found, expected, strict=True)
        if not np.allclose(mine, wanted.numpy(), atol=1e-4)
    }
    assert wrong == {}
