"""Weights files of random backbones."""

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file


def weights_file(path: Path, name: str = "resnet18", drop: str = "", seed: int = 1) -> Path:
    torch.manual_seed(seed)
    state = timm.create_model(name, pretrained=False).state_dict()
    save_file({k: v.contiguous() for k, v in state.items() if not drop or drop not in k}, path)
    return path


def backbone_file(folder: Path, seed: int = 0) -> Path:
    """Weights for a resnet18."""
    torch.manual_seed(seed)
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    path = folder / f"w{seed}.safetensors"
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    return path
