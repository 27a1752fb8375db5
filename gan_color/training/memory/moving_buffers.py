"""What forward passes of training move besides gradients: BatchNorm's running statistics and the
singular vectors of spectral norms.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class SpectralNorms:
    """Spectral norms of networks in training: one power iteration an update, whatever its passes.

    torch iterates in every forward pass, so that the parts of a batch, and real and fake images,
    would meet different weights. Miyato et al. 2018, https://arxiv.org/abs/1802.05957, iterate once
    an update (algorithm 1).
    """

    def __init__(self, *networks: nn.Module) -> None:
        self._owners: list[tuple[nn.Module, Tensor, nn.Module]] = []
        for network in networks:
            for owner in network.modules():
                if parametrize.is_parametrized(owner):  # by spectral norms alone, in this package
                    assert isinstance(owner.parametrizations, nn.ModuleDict)
                    for found in owner.parametrizations.values():
                        assert isinstance(found, parametrize.ParametrizationList)
                        self._owners += [(owner, found.original, each) for each in found]

    @torch.no_grad()
    def iterate(self) -> None:
        """Move the singular vectors of what is in training mode; forward passes leave them so."""
        for owner, weight, estimator in self._owners:
            estimator.train(owner.training)
            if owner.training:
                estimator(weight)
                estimator.eval()


class BufferSnapshot:
    """The buffers of networks, kept to be put back where an update fails or is not made."""

    def __init__(self, *networks: nn.Module) -> None:
        self._buffers = [buffer for network in networks for buffer in network.buffers()]
        self._kept: list[Tensor] = []

    @torch.no_grad()
    def take(self) -> None:
        """Copy the buffers."""
        self._kept = [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def restore(self) -> None:
        """Put back what was taken; nothing where nothing was."""
        for buffer, kept in zip(self._buffers, self._kept, strict=False):
            buffer.copy_(kept)


def uses_batch_statistics(network: nn.Module) -> bool:
    """Whether a BatchNorm in training mode makes an image's output depend on its batch."""
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
        for module in network.modules()
    )
