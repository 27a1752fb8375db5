"""Names of pix2pix' generator (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix,
models/networks.py): one block inside the other.
"""

from typing import Any

from gan_color.errors import GanColorError
from gan_color.hub.import_weights.source import Names, Tensors

INNER = ".model.3"  # of a block within its outer one; of the outermost: .model.1


def describe(stored: Tensors) -> tuple[dict[str, Any], Names]:
    """The options and names of unet_256's or unet_128's tensors."""
    outermost, within = stored["model.model.0.weight"], "model.model.1"
    if outermost.shape[1] != 1 or stored["model.model.3.bias"].shape[0] != 2:
        raise GanColorError(
            f"weights: found a generator from {outermost.shape[1]} to "
            f"{stored['model.model.3.bias'].shape[0]} channels, expected one from L to ab: "
            "trained with --model colorization"
        )
    prefixes = ["model"]
    while f"{within}.model.1.weight" in stored:
        prefixes.append(within)
        within += INNER
    last = len(prefixes) - 1
    names = {"downs.0.0": "model.model.0", f"ups.{last}.1": "model.model.3"}
    for depth, prefix in enumerate(prefixes[1:], 1):
        names[f"downs.{depth}.1"] = f"{prefix}.model.1"
        innermost = depth == last
        if not innermost:
            names[f"downs.{depth}.2"] = f"{prefix}.model.2"
        up = 3 if innermost else 5
        names[f"ups.{last - depth}.1"] = f"{prefix}.model.{up}"
        names[f"ups.{last - depth}.2"] = f"{prefix}.model.{up + 1}"
    return {"num_downs": len(prefixes), "base_channels": outermost.shape[0]}, names
