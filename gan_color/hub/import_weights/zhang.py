"""Names of Zhang et al. 2016 and 2017 (https://github.com/richzhang/colorization)."""

from typing import Any

from gan_color.hub.import_weights.source import Names, Tensors
from gan_color.models.zhang16 import PUBLISHED_NAMES

BLOCKS = 7


def describe_eccv16(stored: Tensors) -> tuple[dict[str, Any], Names]:
    """The options and names of eccv16's tensors."""
    return {"base_channels": stored["model1.0.weight"].shape[0]}, PUBLISHED_NAMES


def describe_siggraph17(stored: Tensors) -> tuple[dict[str, Any], Names]:
    """The options and names of siggraph17's tensors, whose mask is 0 and 1."""
    names = {f"blocks.{i}": f"model{i + 1}" for i in range(BLOCKS)}
    for i, (block, skip, first) in enumerate(((8, 3, 1), (9, 2, 1), (10, 1, 1))):
        names[f"ups.{i}.up"] = f"model{block}up.0"
        names[f"ups.{i}.skip"] = f"model{skip}short{block}.0"
        # Theirs begins with the ReLU that ours has before.
        layers = (0, 2, 4) if block == 8 else (0, 2) if block == 9 else (0,)
        names |= {f"ups.{i}.after.{j}": f"model{block}.{j + first}" for j in layers}
    names |= {"classes": "model_class.0", "head": "model_out.0"}
    return {"base_channels": stored["model1.0.weight"].shape[0]}, names


def describe_retrained(stored: Tensors) -> tuple[dict[str, Any], Names]:
    """The same of weights from colorization-pytorch, which reads its mask less 0.5."""
    options, names = describe_siggraph17(stored)
    return {**options, "mask_center": 0.5}, names
