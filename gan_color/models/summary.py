"""What a colorizer costs: parameters, and FLOPs at 256 x 256."""

from functools import cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from gan_color.models import registry

SIZE = 256


@cache
def describe_models() -> list[dict[str, Any]]:
    """One row per model and variant: name, paper, parameters, gflops_256, needs (of a training,
    beyond images), adversarial (whether a GAN stage can train it).

    GFLOPs are 2 x multiply-adds of convolutions, matrix products and attention in one forward pass.
    """
    rows = []
    for name in registry.names():
        kind = registry.model_class(name)
        for suffix, options in kind.variants().items():
            # Shapes only: no memory is filled, nothing is computed.
            with torch.device("meta"):
                # The counter asks parameters that modules hand on for a gradient function.
                model = registry.create(name, **options).fold().requires_grad_(False)
                counter = FlopCounterMode(display=False)
                with counter, torch.no_grad():
                    model(torch.empty(1, 1, SIZE, SIZE))
            rows.append(
                {
                    "name": f"{name}/{suffix}" if suffix else name,
                    "paper": kind.paper,
                    "parameters": sum(p.numel() for p in model.parameters()),
                    "gflops_256": round(counter.get_total_flops() / 1e9, 2),
                    "needs": kind.needs,
                    "adversarial": kind.regression,
                }
            )
    return rows
