"""Activation checkpointing: blocks keep their inputs only, and run again in the backward pass.

Chen et al. 2016, https://arxiv.org/abs/1604.06174. A third more work in the blocks for a fraction
of their memory. The second run gives the first one's values to the bit, and leaves no trace: see
`_replaying`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def blocks(network: nn.Module) -> list[nn.Module]:
    """The outermost modules with convolutions inside that stand in a sequence or list of such."""
    found = []
    for child in network.children():
        listed = type(network) in _CONTAINERS and type(child) not in _CONTAINERS
        if listed and not isinstance(child, nn.Conv2d) and _has_convolutions(child):
            found.append(child)
        else:
            found += blocks(child)
    return found


def checkpoint_blocks(network: nn.Module) -> int:
    """Make a network's blocks keep their inputs only while it trains; returns how many do.

    The network must run once before each backward pass, as the generator does; discriminators
    run three times, and their spectral norms would move between a run and its replay.
    """
    found = blocks(network)
    for block in found:
        block.forward = partial(_checkpointed, block, block.forward)
    return len(found)


def _checkpointed(block: nn.Module, forward: Any, *inputs: Any) -> Any:
    if not block.training:
        return forward(*inputs)
    contexts = partial(_contexts, block)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    return nullcontext(), _replaying(block)


@contextmanager
def _replaying(block: nn.Module) -> Iterator[None]:
    """Run a block again without a second update of what forward passes update.

    BatchNorm goes on with the batch's statistics, but adds them to the running ones with a
    momentum of 0. Spectral norm takes the singular vectors the first run has left.
    """
    norms = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked for norm in norms]
    estimators = [
        estimator
        for module in block.modules()
        if isinstance(module, parametrize.ParametrizationList)
        for estimator in module
        if estimator.training
    ]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    for estimator in estimators:
        estimator.eval()
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
        for estimator in estimators:
            estimator.train()


def _has_convolutions(module: nn.Module) -> bool:
    return any(isinstance(each, nn.Conv2d) for each in module.modules())
