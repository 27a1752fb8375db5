"""DeOldify's names (https://github.com/jantic/DeOldify, deoldify/unet.py), numbered by fastai 1."""

from typing import Any

from gan_color.hub.import_weights.source import Names, Tensors

# Blocks of the third of ResNet's layers: the encoder of each kind.
ENCODERS = {23: "resnet101", 6: "resnet34"}


def describe(stored: Tensors) -> tuple[dict[str, Any], Names]:
    """The options and names of DeOldify's tensors: wide (stable, video) or deep (artistic)."""
    deep = "layers.4.conv1.0.weight" in stored
    convolutions = ("conv1", "conv2") if deep else ("conv",)
    first = stored[f"layers.4.{convolutions[0]}.0.weight"]
    depth = len({key.split(".")[3] for key in stored if key.startswith("layers.0.6.")})
    options = {
        "kind": "deep" if deep else "wide",
        "encoder": ENCODERS[depth],
        "width_mult": first.shape[0] / (first.shape[1] if deep else 256),
    }
    ours, theirs = "encoder.backbone", "layers.0"
    names = {f"{ours}.conv1": f"{theirs}.0", f"{ours}.bn1": f"{theirs}.1"}
    names |= {f"{ours}.layer{i}": f"{theirs}.{3 + i}" for i in range(1, 5)}
    names["norm"] = "layers.1"
    for i in range(2):
        names |= {f"middle.{i}.{j}": f"layers.3.{i}.{j}" for j in (0, 2)}
        names[f"residual.{i}.0"] = f"layers.10.layers.{i}.0"
    for i in range(4):
        block = f"layers.{4 + i}"
        names |= {
            f"blocks.{i}.up.conv": f"{block}.shuf.conv.0",
            f"blocks.{i}.up.norm": f"{block}.shuf.conv.1",
            f"blocks.{i}.skip_norm": f"{block}.bn",
        }
        for j, name in enumerate(convolutions):
            names |= {f"blocks.{i}.convolve.{j}.{k}": f"{block}.{name}.{k}" for k in (0, 2)}
        # fastai's softmax runs over what it calls the query.
        attention = f"{block}.{convolutions[-1]}.3"
        for mine, other in (("query", "key"), ("key", "query"), ("value", "value")):
            names[f"blocks.{i}.attention.{mine}"] = f"{attention}.{other}"
        names[f"blocks.{i}.attention.gain"] = f"{attention}.gamma"
    names |= {"enlarge.conv": "layers.8.conv.0", "head": "layers.11.0"}
    return options, names
