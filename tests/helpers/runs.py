"""Tiny runs and model files, and where the repository is."""

from pathlib import Path

import torch

from gan_color.config.schema import Config, parse
from gan_color.config.yaml_file import apply_override
from gan_color.hub.model_file import save_model
from gan_color.models import registry

REPOSITORY = Path(__file__).parents[2]


def tiny_mapping(folders: tuple[Path, Path], place: Path, **run: object) -> dict[str, object]:
    """A three-stage run of seconds, as a mapping: 24 images a stage in two epochs, fp32."""
    train, valid = (str(folder) for folder in folders)
    common = {"images": 24, "size": 32, "batch_size": 6, "lr": 1e-3}
    return {
        "run": {
            "name": "tiny",
            "dir": str(place),
            "precision": "fp32",
            "epoch_images": 12,
            "log_every": 1,
            "preview_images": 2,
            "val_images": 2,
            "ema_half_life": 10,
            "trial": False,  # tests count what a run writes and evaluates; it has tests of its own
            **run,
        },
        "model": {
            "name": "unet",
            "encoder": "mobilenetv3_small_050",
            "encoder_weights": "none",
            "decoder_channels": [16, 12, 8, 8, 8],
            "rebalance": 0.5,
        },
        "discriminator": {"base_channels": 8},
        "data": {"folders": [train], "val": [valid], "num_workers": 0},
        "stages": [
            {"name": "pretrain", "kind": "supervised", **common},
            {"name": "discriminator", "kind": "discriminator", **common},
            {"name": "gan", "kind": "adversarial", **common},
        ],
    }


def changed(config: Config, *overrides: str) -> Config:
    mapping = config.model_dump(mode="json")
    for override in overrides:
        apply_override(mapping, override)
    return parse(mapping)


def save_demo_model(folder: Path) -> None:
    """What `make demo` leaves in runs/demo, untrained and with a thinner decoder."""
    widths = (32, 24, 16, 16, 8)
    model = registry.create("unet", preset="small", encoder_weights="none", decoder_channels=widths)
    save_model(folder / "runs" / "demo" / "model.safetensors", "unet", model, {})


def save_scene_model(path: Path) -> None:
    """A model file that takes every photograph for a forest, by 73 to 27 against a beach."""
    model = registry.create("iizuka16", base_channels=8, classes=2, global_size=32)
    model.set_classes(["beach", "forêt"])
    last = model.classifier[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, 1.0]))
    save_model(path, "iizuka16", model, {})
