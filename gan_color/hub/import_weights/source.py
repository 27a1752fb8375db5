"""What is known of a source of weights."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Tensors = dict[str, Tensor]
Names = dict[str, str]


class Describe(Protocol):
    """From a source's tensors, the options of our model and its names: prefixes of ours to prefixes
    of theirs. Raises KeyError for tensors of another network.
    """

    def __call__(self, stored: Tensors) -> tuple[dict[str, Any], Names]: ...


@dataclass(frozen=True)
class Source:
    """Whose weights, and how they become ours.

    Args:
        model: the name of ours in the table of models.
        files: what the authors call them.
        published: where.
        terms: the license that their authors name.
        describe: of their tensors.
        unused: theirs that nothing of ours reads.
    """

    model: str
    files: str
    published: str
    terms: str
    describe: Describe
    unused: tuple[str, ...] = ()
