"""Weights that were saved with a norm on them, as the plain ones that inference multiplies by.

torch's first spectral_norm and weight_norm kept `weight_orig` with vectors `weight_u` and
`weight_v`, and `weight_g` with `weight_v`.
"""

import torch
from torch import Tensor

from gan_color.hub.import_weights.source import Tensors


def fold_norms(stored: Tensors) -> Tensors:
    """The same tensors with every norm folded into `weight`."""
    found = dict(stored)
    for key in stored:
        name, _, kind = key.rpartition(".")
        if kind == "weight_orig":
            _take(found, name, ("weight_orig", "weight_u", "weight_v"))
            found[f"{name}.weight"] = _spectral(stored, name)
        elif kind == "weight_g":
            _take(found, name, ("weight_g", "weight_v"))
            found[f"{name}.weight"] = _weight_normed(stored, name)
    return found


def _take(found: Tensors, name: str, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        found.pop(f"{name}.{kind}", None)


def _spectral(stored: Tensors, name: str) -> Tensor:
    """The weight over its largest singular value, as the vectors saved with it have it.

    Files of torch 0.4 have no `weight_v`: the vector that `weight_u` gives then.
    """
    weight, u = stored[f"{name}.weight_orig"], stored.get(f"{name}.weight_u")
    matrix = weight.flatten(1)
    if u is None:  # without vectors, the value itself
        largest: Tensor = torch.linalg.matrix_norm(matrix, ord=2)
        return weight / largest
    u = u.flatten()
    v = stored.get(f"{name}.weight_v")
    v = torch.nn.functional.normalize(matrix.T @ u, dim=0) if v is None else v.flatten()
    return weight / (u @ (matrix @ v))


def _weight_normed(stored: Tensors, name: str) -> Tensor:
    g, v = stored[f"{name}.weight_g"], stored[f"{name}.weight_v"]
    length: Tensor = v.flatten(1).norm(dim=1)
    return g * v / length.view(-1, *[1] * (v.ndim - 1))
