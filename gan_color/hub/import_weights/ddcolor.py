"""DDColor's names (https://github.com/piddnad/DDColor, basicsr/archs/ddcolor_arch.py)."""

from typing import Any

from gan_color.hub.import_weights.source import Names, Tensors

# (channels of the first stage, blocks of the third): timm's name.
ENCODERS = {
    (96, 9): "convnext_tiny",
    (96, 27): "convnext_small",
    (128, 27): "convnext_base",
    (192, 27): "convnext_large",
}
UNUSED = ("encoder.arch.norm.weight", "encoder.arch.norm.bias")


def describe(stored: Tensors) -> tuple[dict[str, Any], Names]:
    """The options and names of DDColor's tensors."""
    depths = [_count(stored, f"encoder.arch.stages.{i}") for i in range(4)]
    layers = _count(stored, "decoder.color_decoder.transformer_ffn_layers")
    first = stored["encoder.arch.downsample_layers.0.0.weight"].shape[0]
    decoder = "decoder.color_decoder"
    queries, width = stored[f"{decoder}.query_feat.weight"].shape
    options = {
        "encoder": ENCODERS[first, depths[2]],
        "base_channels": 2 * width,
        "num_queries": queries,
        "query_layers": layers,
        "dim_feedforward": stored[f"{decoder}.transformer_ffn_layers.0.linear1.bias"].shape[0],
    }
    names = {"encoder.mean": "mean", "encoder.std": "std"}
    names |= _encoder(depths)
    for i in range(3):
        block = f"decoder.layers.{i}"
        names |= {
            f"blocks.{i}.up.conv": f"{block}.shuf.conv.0",
            f"blocks.{i}.up.norm": f"{block}.shuf.conv.1",
            f"blocks.{i}.skip_norm": f"{block}.bn",
            f"blocks.{i}.convolve.0": f"{block}.conv.0",
            f"blocks.{i}.convolve.2": f"{block}.conv.2",
            f"queries.project.{i}": f"{decoder}.input_proj.{i}",
            f"queries.embed.{2 * i}": f"{decoder}.color_embed.layers.{i}",
        }
    for i in range(layers):
        cross, own, feed = (
            f"{decoder}.transformer_{kind}_layers.{i}"
            for kind in ("cross_attention", "self_attention", "ffn")
        )
        names |= {
            f"queries.layers.{i}.cross": f"{cross}.multihead_attn",
            f"queries.layers.{i}.own": f"{own}.self_attn",
            f"queries.layers.{i}.feed.0": f"{feed}.linear1",
            f"queries.layers.{i}.feed.2": f"{feed}.linear2",
            f"queries.layers.{i}.norms.0": f"{cross}.norm",
            f"queries.layers.{i}.norms.1": f"{own}.norm",
            f"queries.layers.{i}.norms.2": f"{feed}.norm",
        }
    names |= {
        "enlarge.conv": "decoder.last_shuf.conv.0",
        "queries.content": f"{decoder}.query_feat.weight",
        "queries.position": f"{decoder}.query_embed.weight",
        "queries.level": f"{decoder}.level_embed.weight",
        "queries.norm": f"{decoder}.decoder_norm",
        "refine": "refine_net.0.0",
    }
    return options, names


def _encoder(depths: list[int]) -> Names:
    """timm's ConvNeXt features from the authors' ConvNeXt, and the norm of each map."""
    ours, theirs = "encoder.backbone", "encoder.arch"
    names = {f"norms.{i}": f"{theirs}.norm{i}" for i in range(4)}
    for i, depth in enumerate(depths):
        for j in range(2):
            name = f"stages_{i}.downsample.{j}" if i else f"stem_{j}"
            names[f"{ours}.{name}"] = f"{theirs}.downsample_layers.{i}.{j}"
        for j in range(depth):
            for mine, other in (
                ("gamma", "gamma"),
                ("conv_dw", "dwconv"),
                ("norm", "norm"),
                ("mlp.fc1", "pwconv1"),
                ("mlp.fc2", "pwconv2"),
            ):
                names[f"{ours}.stages_{i}.blocks.{j}.{mine}"] = f"{theirs}.stages.{i}.{j}.{other}"
    return names


def _count(stored: Tensors, prefix: str) -> int:
    """How many modules are numbered below a prefix."""
    numbers = {key.removeprefix(f"{prefix}.").split(".")[0] for key in stored if prefix in key}
    return len({number for number in numbers if number.isdigit()})
