"""What a network answers with weights that depend on their names alone, in few numbers."""

import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_color.color.ab_bins import BIN_COUNT
from gan_color.models import registry
from gan_color.models.base import Batch
from gan_color.models.discriminators import Critic, Discriminator, MultiscaleDiscriminator

OUTPUTS = Path(__file__).parents[1] / "fixtures" / "golden" / "outputs.json"
SAMPLES = 16
DIGITS = 7
POWER_ITERATIONS = 15
GAIN = math.sqrt(2)  # of weights over the inverse root of their fan-in; ReLU takes it away
# (gain, mean running variance) by "name" or "name/variant". alpha and beta read 0..100, and would
# saturate; behind spectral norm, signals from deep layers would fade before the output.
SCALES = {
    "alpha": (0.9, 1.3),
    "beta": (0.9, 1.3),
    "koalarization": (1.25, 1.3),
    "koalarization/xception": (1.1, 1.3),
    "unet": (0.6, 0.2),
    "unet/base": (0.5, 0.2),
    "unet/small-queries": (0.45, 0.2),
    "unet/plain": (1.2, 1.3),
    "ddcolor": (0.6, 0.2),
}
# Buffers that a training changes; all others are constants, such as the centers of bins.
LEARNT_BUFFERS = ("running_mean", "running_var", "_u", "_v")

# Parts of a tensor's name, and what they were when outputs.json was written.
RECORDED_NAMES = {"color": "colour", "centers": "centres"}


def recorded_name(name: str) -> str:
    return ".".join(RECORDED_NAMES.get(part, part) for part in name.split("."))


UNET = {"encoder_weights": "none", "decoder_channels": (16, 12, 8, 8, 8)}
TINY_UNET = {"encoder": "test_resnet", **UNET}
TINY_DEOLDIFY = {"encoder": "test_resnet", "encoder_weights": "none"}
QUERIES = {"decoder": "queries", "num_queries": 8, "query_layers": 3, "query_width": 32}
KOALARIZATION = {"classifier_weights": "none", "classifier_size": 96, "base_channels": 8}
DDCOLOR = {
    "base_channels": 32,
    "num_heads": 4,
    "num_queries": 8,
    "query_layers": 3,
    "dim_feedforward": 32,
}
# Options that make a variant of models.TABLE small, by "name" or "name/variant". ddcolor's large
# variant is another size of the same backbone, and as much as 200 million parameters; deoldify's
# are too large, and stand below on a small one.
REDUCED: dict[str, dict[str, Any]] = {
    "unet": UNET,
    "unet/small-queries": {**UNET, **QUERIES},
    "zhang16": {"base_channels": 8},
    "zhang16_regression": {"base_channels": 8},
    "iizuka16": {"base_channels": 8, "classes": 3, "global_size": 32},
    "koalarization": KOALARIZATION,
    "colornet": {"channels": (8, 16, 32)},
    "beta": {"width_mult": 0.125},
    "wallner_gan": {"base_channels": 8},
    "pix2pix": {"base_channels": 4},
    "pix2pixhd": {"num_downs": 3, "base_channels": 8, "blocks": 2, "l1": 1.0},
    "ddcolor": DDCOLOR,
    "siggraph17": {"base_channels": 8},
}
LEFT_OUT = {"ddcolor/large", "deoldify/stable", "deoldify/artistic"}
# What no variant has, as (name, options).
FURTHER: dict[str, tuple[str, dict[str, Any]]] = {
    "unet/losses": (
        "unet",
        {
            **TINY_UNET,
            "rebalance": 0.5,
            "chroma_weight": 3.0,
            "ab_activation": "clip",
            "pixel_loss": "l1",
        },
    ),
    "unet/plain": (
        "unet",
        {**TINY_UNET, "norm": "spectral", "in_chans": 1, "blur": False, "attention_stride": 8},
    ),
    "zhang16/paper": (
        "zhang16",
        {"base_channels": 8, "num_neighbors": 5, "uniform_mix": 0.3, "gray_limit": 0.0},
    ),
    "koalarization/full": (
        "koalarization",
        {
            **KOALARIZATION,
            "classifier": "test_resnet",
            "decoder": "full",
            "embedding": "softmax",
            "lightness": "raw",
            "ab_range": 128.0,
        },
    ),
    "colornet/report": (
        "colornet",
        {
            "channels": (8, 16, 32),
            "flow": "gray",
            "down": "max",
            "up": "transposed",
            "scaling": "minmax",
        },
    ),
    "deoldify/wide": ("deoldify", {**TINY_DEOLDIFY, "width_mult": 0.03125}),
    "deoldify/deep": ("deoldify", {**TINY_DEOLDIFY, "kind": "deep", "width_mult": 0.25}),
    "ddcolor/test": ("ddcolor", {**DDCOLOR, "encoder": "test_convnext", "encoder_weights": "none"}),
}


def model_cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """(name, options) of every model and variant, by "name" or "name/variant"."""
    cases = {}
    for name in registry.TABLE:
        for suffix, options in registry.model_class(name).variants().items():
            key = f"{name}/{suffix}" if suffix else name
            if key not in LEFT_OUT:
                cases[key] = (name, {**options, **REDUCED.get(key, REDUCED.get(name, {}))})
    return cases | FURTHER


def discriminators() -> dict[str, Discriminator]:
    return {
        "patch": MultiscaleDiscriminator(num_discriminators=3, num_layers=3, base_channels=8),
        "patch/attention": MultiscaleDiscriminator(
            num_discriminators=2, num_layers=3, base_channels=16, attention=True
        ),
        "patch/instance": MultiscaleDiscriminator(
            num_discriminators=2, num_layers=2, base_channels=8, norm="instance"
        ),
        "patch/batch": MultiscaleDiscriminator(
            num_discriminators=1, base_channels=8, norm="batch", padding=1
        ),
        "patch/none": MultiscaleDiscriminator(
            num_discriminators=1, num_layers=2, base_channels=8, norm="none"
        ),
        "critic": Critic(base_channels=8),
        "critic/ddcolor": Critic(base_channels=8, negative_slope=0.0, dropout=0.0),
    }


@torch.no_grad()
def fill(network: nn.Module, gain: float = GAIN, variance: float = 1.3) -> None:
    """Give every tensor values that depend on its name and shape alone; for evaluation."""
    constants = {
        name
        for name, value in network.named_buffers()
        if name.rpartition(".")[2] not in LEARNT_BUFFERS or not value.is_floating_point()
    }
    for name, value in network.state_dict().items():
        if name in constants:
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(recorded_name(name).encode()))
        drawn = torch.randn(value.shape, generator=generator)
        last = name.rpartition(".")[2]
        if last == "running_var":
            drawn = variance * (0.4 + 0.75 * drawn.abs())
        elif last in ("_u", "_v"):
            drawn = drawn / drawn.norm()
        elif value.ndim > 1:
            drawn = drawn * gain / math.sqrt(value[0].numel())
        elif last in ("weight", "gain", "gamma"):
            drawn = 1 + 0.1 * drawn
        else:
            drawn = 0.1 * drawn
        value.copy_(drawn)
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            module.train()
            for _ in range(POWER_ITERATIONS):
                module.weight  # noqa: B018  (a step toward the largest singular value each)
    network.eval()


def batch() -> Batch:
    """Two images of waves, 64 x 64, of which the first has a label."""
    rows, columns = torch.arange(64.0)[:, None], torch.arange(64.0)[None]
    phases = torch.arange(2.0)[:, None, None, None]
    L = 0.8 * torch.sin(0.21 * rows + 0.13 * columns + phases)
    channel = torch.arange(2.0)[None, :, None, None]
    ab = 0.5 * torch.sin(0.17 * rows - 0.09 * columns + 2 * phases + 1.3 * channel)
    return Batch(L, ab, torch.tensor([1, -1]))


def prior() -> Tensor:
    weights = 1 + torch.arange(BIN_COUNT, dtype=torch.float64)
    return weights / weights.sum()


def rounded(value: Tensor | float) -> float:
    return float(f"{float(value):.{DIGITS - 1}e}")


def summary(value: Tensor) -> dict[str, Any]:
    """Shape, moments, and values at even distances."""
    flat = value.double().flatten()
    places = torch.linspace(0, flat.numel() - 1, SAMPLES).long()
    return {
        "shape": list(value.shape),
        "mean": rounded(flat.mean()),
        "std": rounded(flat.std(correction=0)),
        "samples": [rounded(x) for x in flat[places]],
    }


def account(network: nn.Module) -> dict[str, Any]:
    """The number of parameters, and a digest of the names of what is saved."""
    names = "\n".join(sorted(map(recorded_name, network.state_dict())))
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "keys_sha256": hashlib.sha256(names.encode()).hexdigest(),
    }


@torch.no_grad()
def model_golden(key: str, name: str, options: dict[str, Any]) -> dict[str, Any]:
    model = registry.create(name, **options)
    if model.needs_prior:
        model.set_prior(prior())
    fill(model, *SCALES.get(key, SCALES.get(name, ())))
    data = batch()
    output = model(data.L)
    losses = {key: rounded(value) for key, value in model.losses(output, data).items()}
    return {**account(model), "ab": summary(model.decode(output)), "losses": losses}


@torch.no_grad()
def discriminator_golden(network: Discriminator) -> dict[str, Any]:
    fill(network)
    data = batch()
    features = network(data.L, data.ab)
    return {**account(network), "features": [[summary(x) for x in scale] for scale in features]}


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OUTPUTS.read_text(encoding="utf-8"))
    return found
