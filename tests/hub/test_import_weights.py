"""Published weights as model files: files of each source's layout, made from random numbers, and
each source's forward pass written down again as plain functions of the tensors in them.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from gan_color.atomic import sha256
from gan_color.color.lab import gray_value, rgb_to_lab
from gan_color.errors import GanColorError
from gan_color.hub.import_weights import SOURCES, ddcolor, deoldify, import_weights
from gan_color.hub.model_card import model_card
from gan_color.hub.model_file import load_model, read_header
from gan_color.models import registry
from gan_color.models.hints import Hints
from tests.helpers.command_line import one_line, run

State = dict[str, Tensor]


def randomized(model: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if value.dtype.is_floating_point and name not in ("encoder.mean", "encoder.std"):
            drawn = torch.randn(value.shape, generator=generator)
            fan_in = max(1, value[0].numel() if value.ndim > 1 else 1)
            positive = name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight"))
            value.copy_(drawn.abs() * 0.3 + 0.7 if positive else drawn * (0.7 / fan_in**0.5))
    return model.eval()


def theirs(source: str, model: Any, normed: Callable[[str], str] = lambda name: "") -> State:
    """The tensors of a file of `source` for our folded model; `normed` says "spectral" or "weight"
    for names of theirs that were saved with a norm.
    """
    # The names are found from a file: of ours, those of a first guess that has every key.
    names = NAMES[source](model)
    found: State = {}
    for key, value in model.state_dict().items():
        prefix = next((p for p in names if key == p or key.startswith(f"{p}.")), None)
        if prefix is None:
            continue
        name = names[prefix] + key.removeprefix(prefix)
        module, _, kind = name.rpartition(".")
        norm = normed(module) if kind == "weight" else ""
        if norm == "spectral":
            u = F.normalize(torch.randn(value.shape[0]), dim=0)
            v = F.normalize(value.flatten(1).T @ u, dim=0)
            found |= {f"{module}.weight_orig": value, f"{module}.weight_u": u}
            found[f"{module}.weight_v"] = v
        elif norm == "weight":
            found[f"{module}.weight_v"] = value
            found[f"{module}.weight_g"] = torch.rand(value.shape[0], 1, 1, 1) + 0.5
        else:
            found[name] = value
    return {key: value.clone().contiguous() for key, value in found.items()}


def weight(state: State, name: str) -> Tensor:
    """The plain weight of a module, by what its file keeps of a norm."""
    if f"{name}.weight_orig" in state:
        matrix = state[f"{name}.weight_orig"]
        u, v = state[f"{name}.weight_u"], state[f"{name}.weight_v"]
        return matrix / torch.dot(u, torch.mv(matrix.flatten(1), v))
    if f"{name}.weight_g" in state:
        v = state[f"{name}.weight_v"]
        return v * (state[f"{name}.weight_g"] / v.square().sum(dim=(1, 2, 3), keepdim=True).sqrt())
    return state[f"{name}.weight"]


def convolve(state: State, name: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    w = weight(state, name)
    pad = dilation * (w.shape[-1] // 2) if w.shape[-1] % 2 else 1
    return F.conv2d(x, w, state.get(f"{name}.bias"), stride, pad, dilation)


def batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    parts = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{name}.{part}"] for part in parts))


def save(state: State, path: Path) -> Path:
    torch.save(state, path) if path.suffix == ".pth" else save_file(state, path)
    return path


def imported(source: str, state: State, folder: Path) -> Any:
    path, output = save(state, folder / "published.pth"), folder / "ours.safetensors"
    import_weights(source, path, output)
    return load_model(output)


def lightness(size: int = 64, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, size, size, generator=generator) * 2 - 1


# --- siggraph17 ------------------------------------------------------------------------------


def siggraph17(state: State, L: Tensor, hints: Hints, center: float) -> tuple[Tensor, Tensor]:
    star = 50 * (L + 1)
    x = torch.cat(((star - 50) / 100, hints.ab * hints.mask, hints.mask - center), dim=1)

    def block(x: Tensor, name: str, layers: tuple[int, ...], dilation: int = 1) -> Tensor:
        for i in layers:
            x = F.relu(convolve(state, f"{name}.{i}", x, dilation=dilation))
        return batch_norm(state, f"{name}.{layers[-1] + 2}", x)

    def up(x: Tensor, skip: Tensor, number: int, source: int) -> Tensor:
        name = f"model{number}up.0"
        x = F.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], 2, 1)
        return F.relu(x + convolve(state, f"model{source}short{number}.0", skip))

    one = block(x, "model1", (0, 2))
    two = block(one[..., ::2, ::2], "model2", (0, 2))
    three = block(two[..., ::2, ::2], "model3", (0, 2, 4))
    x = block(three[..., ::2, ::2], "model4", (0, 2, 4))
    for i, dilation in ((5, 2), (6, 2), (7, 1)):
        x = block(x, f"model{i}", (0, 2, 4), dilation)
    eight = block(up(x, three, 8, 3), "model8", (1, 3))
    nine = block(up(eight, two, 9, 2), "model9", (1,))
    ten = F.leaky_relu(convolve(state, "model10.1", up(nine, one, 10, 1)), 0.2)
    return torch.tanh(convolve(state, "model_out.0", ten)), convolve(state, "model_class.0", eight)


@pytest.mark.parametrize(("source", "center"), [("siggraph17", 0.0), ("siggraph17_retrained", 0.5)])
def test_siggraph17_answers_as_its_authors_network(source: str, center: float, tmp_path: Path):
    state = theirs("siggraph17", randomized(registry.create("siggraph17", base_channels=8)))
    model = imported(source, state, tmp_path)
    assert model.options.mask_center == center
    L = lightness(count=2)
    hints = Hints(torch.rand(2, 2, 64, 64) - 0.5, (torch.rand(2, 1, 64, 64) > 0.9).float())
    for given in (hints, Hints(torch.zeros_like(hints.ab), torch.zeros_like(hints.mask))):
        expected = siggraph17(state, L, given, center)
        found = model(L, given)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))
    assert torch.equal(model(L)[0], found[0])  # without hints: none of it is known
    assert found[0].std() > 0.01


# --- DeOldify --------------------------------------------------------------------------------


def resnet18(state: State, x: Tensor) -> list[Tensor]:
    def normed(name: str, norm: str, x: Tensor, stride: int = 1) -> Tensor:
        kernel = state[f"{name}.weight"].shape[-1]
        x = F.conv2d(x, state[f"{name}.weight"], None, stride, kernel // 2)
        return batch_norm(state, norm, x)

    x = F.relu(normed("layers.0.0", "layers.0.1", x, 2))
    maps, x = [x], F.max_pool2d(x, 3, 2, 1)
    for layer in range(4, 8):
        for i in range(2):
            name = f"layers.0.{layer}.{i}"
            stride = 2 if layer > 4 and i == 0 else 1
            y = F.relu(normed(f"{name}.conv1", f"{name}.bn1", x, stride))
            y = normed(f"{name}.conv2", f"{name}.bn2", y)
            if stride == 2:
                x = normed(f"{name}.downsample.0", f"{name}.downsample.1", x, stride)
            x = F.relu(x + y)
        maps.append(x)
    return maps


def deoldify_network(state: State, image: Tensor) -> Tensor:
    """Normalized gray [B, 3, H, W] -> normalized RGB in -3..3."""

    def convolution(name: str, x: Tensor) -> Tensor:
        return batch_norm(state, f"{name}.2", F.relu(convolve(state, f"{name}.0", x)))

    def shuffle(name: str, x: Tensor) -> Tensor:
        x = F.conv2d(x, weight(state, f"{name}.0"), state.get(f"{name}.0.bias"))
        if f"{name}.1.weight" in state:
            x = batch_norm(state, f"{name}.1", x)
        x = F.pixel_shuffle(F.relu(x), 2)
        x = F.pad(x, (1, 0, 1, 0), mode="replicate")
        return (x[..., :-1, :-1] + x[..., 1:, :-1] + x[..., :-1, 1:] + x[..., 1:, 1:]) / 4

    def attention(name: str, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        f, g, h = (F.conv1d(flat, weight(state, f"{name}.{k}")) for k in ("query", "key", "value"))
        share = torch.bmm(f.transpose(1, 2), g).softmax(dim=1)
        return (state[f"{name}.gamma"] * torch.bmm(h, share) + flat).view(x.shape)

    *skips, x = resnet18(state, image)
    x = F.relu(batch_norm(state, "layers.1", x))
    x = convolution("layers.3.1", convolution("layers.3.0", x))
    for i in range(4, 8):
        skip = batch_norm(state, f"layers.{i}.bn", skips.pop())
        x = F.relu(torch.cat((shuffle(f"layers.{i}.shuf.conv", x), skip), dim=1))
        for name in ("conv", "conv1", "conv2"):
            if f"layers.{i}.{name}.2.weight" in state:
                x = convolution(f"layers.{i}.{name}", x)
                if f"layers.{i}.{name}.3.gamma" in state:
                    x = attention(f"layers.{i}.{name}.3", x)
    x = torch.cat((shuffle("layers.8.conv", x), image), dim=1)
    y = F.relu(convolve(state, "layers.10.layers.0.0", x))
    x = x + F.relu(convolve(state, "layers.10.layers.1.0", y))
    return 6 * torch.sigmoid(convolve(state, "layers.11.0", x)) - 3


def normed_in_deoldify(name: str) -> str:
    if name == "layers.8.conv.0":
        return "weight"
    last = name.rpartition(".")[2]
    plain = name.startswith("layers.0.") or name == "layers.1" or last in ("bn", "2", "1")
    spectral = not plain or name in ("layers.10.layers.1.0",)
    return "spectral" if spectral else ""


@pytest.mark.parametrize(("kind", "width_mult"), [("wide", 0.125), ("deep", 0.25)])
def test_deoldify_answers_as_its_authors_network(
    kind: str, width_mult: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(deoldify.ENCODERS, 2, "resnet18")
    options = {"kind": kind, "encoder": "resnet18", "width_mult": width_mult}
    ours = randomized(registry.create("deoldify", encoder_weights="none", **options).fold())
    state = theirs("deoldify", ours, normed_in_deoldify)
    assert {key for key in state if key.endswith(("weight_g", "gamma"))} == {
        "layers.8.conv.0.weight_g",
        f"layers.5.{'conv2' if kind == 'deep' else 'conv'}.3.gamma",
    }
    # Theirs attends over one dimension, and its gain is a vector of one number.
    for key in [key for key in state if re.fullmatch(r"layers\.5\.conv2?\.3\..*", key)]:
        state[key] = state[key].view(1) if key.endswith("gamma") else state[key].squeeze(-1)
    model = imported("deoldify", state, tmp_path)
    assert (model.options.kind, model.options.width_mult) == (kind, width_mult)
    L = lightness()
    mean = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    expected = deoldify_network(state, (gray_value(L) - mean) / std)
    found = model(L)
    assert torch.allclose(found, expected, atol=1e-3)
    assert expected.std() > 0.1
    # Its colors on the photograph's own lightness: the chroma of what it painted.
    lab = rgb_to_lab((expected * std + mean).clamp(0, 1))
    assert torch.allclose(model.decode(found), lab[:, 1:] / 110, atol=1e-3)


# --- pix2pix ---------------------------------------------------------------------------------


def unet(state: State, x: Tensor, prefix: str = "model", outermost: bool = True) -> Tensor:
    if outermost:
        inner = unet(state, convolve(state, f"{prefix}.model.0", x, 2), f"{prefix}.model.1", False)
        w, b = (state[f"{prefix}.model.3.{k}"] for k in ("weight", "bias"))
        return torch.tanh(F.conv_transpose2d(F.relu(inner), w, b, 2, 1))
    down = convolve(state, f"{prefix}.model.1", F.leaky_relu(x, 0.2), 2)
    innermost = f"{prefix}.model.3.weight" in state
    if not innermost:
        down = batch_norm(state, f"{prefix}.model.2", down)
        down = unet(state, down, f"{prefix}.model.3", False)
    number = 3 if innermost else 5
    up = F.conv_transpose2d(
        F.relu(down), state[f"{prefix}.model.{number}.weight"], None, 2, padding=1
    )
    return torch.cat((x, batch_norm(state, f"{prefix}.model.{number + 1}", up)), dim=1)


def test_pix2pix_answers_as_its_authors_network(tmp_path: Path):
    ours = randomized(registry.create("pix2pix", num_downs=6, base_channels=4))
    state = theirs("pix2pix", ours)
    model = imported("pix2pix", state, tmp_path)
    L = lightness()
    assert torch.allclose(model(L), unet(state, L), atol=1e-5)


def test_a_generator_of_other_images_is_refused(tmp_path: Path):
    state = theirs("pix2pix", randomized(registry.create("pix2pix", num_downs=5, base_channels=4)))
    state["model.model.0.weight"] = torch.zeros(4, 3, 4, 4)
    with pytest.raises(GanColorError, match=r"from 3 to 2 channels, expected one from L to ab"):
        imported("pix2pix", state, tmp_path)


# --- DDColor, eccv16 -------------------------------------------------------------------------


def normed_in_ddcolor(name: str) -> str:
    spectral = name in ("decoder.last_shuf.conv.0", "refine_net.0.0")
    return "spectral" if spectral or name.endswith((".shuf.conv.0", ".conv.0")) else ""


def test_ddcolors_map_is_one_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ddcolor.ENCODERS, (24, 4), "test_convnext")
    small = {"base_channels": 64, "num_queries": 8, "query_layers": 3, "dim_feedforward": 32}
    ours = registry.create("ddcolor", encoder="test_convnext", encoder_weights="none", **small)
    ours = randomized(ours.fold())
    state = theirs("ddcolor", ours, normed_in_ddcolor)
    assert "decoder.layers.2.shuf.conv.0.weight_orig" in state
    width = ours.norms[3].weight.shape[0]
    state |= {f"encoder.arch.norm.{k}": torch.zeros(width) for k in ("weight", "bias")}
    model = imported("ddcolor", {"params": state}, tmp_path)
    # Every weight is theirs, divided by what its norm was when it was saved.
    names = NAMES["ddcolor"](ours)
    for key, value in model.state_dict().items():
        prefix = next((p for p in names if key == p or key.startswith(f"{p}.")), None)
        assert prefix is not None or key.endswith("num_batches_tracked"), key
        if prefix is None or not key.endswith(".weight"):
            continue
        name = (names[prefix] + key.removeprefix(prefix)).removesuffix(".weight")
        if f"{name}.weight_orig" in state or f"{name}.weight" in state:
            assert torch.allclose(value, weight(state, name).view(value.shape), atol=1e-6), key


def test_eccv16_becomes_zhang16(tmp_path: Path):
    ours = randomized(registry.create("zhang16", base_channels=8))
    state = theirs("eccv16", ours)
    state["model_out.weight"] = (ours.centers.T / 110)[:, :, None, None].contiguous()
    model = imported("eccv16", state, tmp_path)
    L = lightness()
    logits = ours(L)
    share = logits.softmax(1)  # their head is divided by the temperature already
    mean = F.conv2d(share, state["model_out.weight"])
    wanted = F.interpolate(mean, scale_factor=4, mode="bilinear")
    assert torch.allclose(model.decode(model(L)), wanted, atol=1e-4)


# --- All -------------------------------------------------------------------------------------

NAMES: dict[str, Callable[[Any], dict[str, str]]] = {}


def _names_of(source: str) -> Callable[[Any], dict[str, str]]:
    """The names that a source's table gives for a network of our model's size: it is asked with
    what it looks at of a file.
    """

    def names(model: Any) -> dict[str, str]:
        options = model.options
        if source == "deoldify":
            first = f"layers.4.{'conv1' if options.kind == 'deep' else 'conv'}.0.weight"
            shape = model.blocks[0].convolve[0][0].weight
            asked = {f"layers.0.6.{i}.x": shape for i in range(len(model.encoder.backbone.layer3))}
            return SOURCES[source].describe({first: shape, **asked})[1]
        if source == "ddcolor":
            asked = {
                f"encoder.arch.stages.{i}.{j}.gamma": torch.zeros(1)
                for i in range(4)
                for j in range(len(getattr(model.encoder.backbone, f"stages_{i}").blocks))
            }
            decoder = "decoder.color_decoder"
            for i in range(options.query_layers):
                asked[f"{decoder}.transformer_ffn_layers.{i}.linear1.bias"] = torch.zeros(1)
            stem = model.encoder.backbone.stem_0.weight
            asked["encoder.arch.downsample_layers.0.0.weight"] = stem
            asked[f"{decoder}.query_feat.weight"] = model.queries.content
            return SOURCES[source].describe(asked)[1]
        if source == "pix2pix":
            asked, within = {}, "model.model.1"
            for _ in range(options.num_downs - 1):
                asked[f"{within}.model.1.weight"] = torch.zeros(1)
                within += ".model.3"
            asked["model.model.0.weight"] = torch.zeros(options.base_channels, 1, 4, 4)
            asked["model.model.3.bias"] = torch.zeros(2)
            return SOURCES[source].describe(asked)[1]
        return SOURCES[source].describe({"model1.0.weight": torch.zeros(1)})[1]

    return names


NAMES.update({source: _names_of(source) for source in SOURCES})


def siggraph_state() -> State:
    return theirs("siggraph17", randomized(registry.create("siggraph17", base_channels=4)))


def test_the_header_says_whose_weights_they_are_and_on_what_terms(tmp_path: Path, capsys):
    path, output = save(siggraph_state(), tmp_path / "s.pth"), tmp_path / "ours.safetensors"
    assert run("import-weights", "siggraph17", path, "-o", output) == 0
    record = read_header(output)["record"]
    assert record["sha256"] == sha256(path)
    assert (record["imported"], record["file"]) == ("siggraph17", "s.pth")
    assert f"`s.pth` (SHA-256 {sha256(path)})" in model_card(output)
    assert "colorizers.s3" in record["source"]
    assert f"terms: {record['terms']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("model5.2.bias"), r"lacks \['model5\.2\.bias'\] and has nothing too many"),
        (lambda s: s.update(extra=torch.zeros(1)), r"lacks nothing and has \['extra'\] too many"),
        (lambda s: s.update({"model9.1.bias": torch.zeros(3)}), r"model9\.1\.bias of shape \(3,\)"),
        (lambda s: s.pop("model1.0.weight"), r"lacks 'model1\.0\.weight'"),
    ],
)
def test_a_file_of_another_network_is_refused_and_writes_nothing(change, said, tmp_path: Path):
    state, output = siggraph_state(), tmp_path / "ours.safetensors"
    change(state)
    path = save(state, tmp_path / "s.pth")
    with pytest.raises(GanColorError, match=said):
        import_weights("siggraph17", path, output)
    assert not output.exists()


def test_an_unknown_source_is_answered_with_the_known_ones(tmp_path: Path, capsys):
    assert run("import-weights", "sigraph17", tmp_path / "a.pth", "-o", tmp_path / "b") == 2
    said = one_line(capsys)
    assert "expected one of eccv16, ddcolor, deoldify, siggraph17" in said
    assert "did you mean 'siggraph17'?" in said
