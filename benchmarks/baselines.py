"""Whose step is timed: ours, pix2pixHD's and DeOldify's, each a configuration of one GAN stage.

The peers are configs/pix2pixhd_3.yml and configs/deoldify_artistic.yml without pretrained weights
and without perceptual losses, whose networks would have to be downloaded. That flatters them.
"""

from typing import Any, NamedTuple

from gan_color.config.schema import Config, parse

PEERS: dict[str, dict[str, Any]] = {
    "pix2pixHD": {
        "model": {"name": "pix2pixhd"},
        "discriminator": {"num_discriminators": 3, "norm": "instance", "init": "normal_0.02"},
        "stage": {
            "betas": [0.5, 0.999],
            "weight_decay": 0.0,
            "discriminator_lr_mult": 1.0,
            "clip_grad_norm": 0.0,
        },
    },
    "DeOldify": {
        "model": {
            "name": "deoldify",
            "kind": "deep",
            "encoder": "resnet34.tv_in1k",
            "encoder_weights": "none",
            "width_mult": 1.5,
        },
        "discriminator": {"kind": "critic", "base_channels": 256, "dropout": 0.15},
        # Without `generator_update_threshold`, which would spare it updates of the generator.
        "stage": {
            "betas": [0.0, 0.9],
            "weight_decay": 1e-3,
            "clip_grad_norm": 0.0,
            "gan_mode": "vanilla",
            "freeze_encoder": True,
            "feature_matching_weight": 0.0,
            "model_loss_weight": 2.0,
            "discriminator_lr_mult": 5.0,
        },
    },
}
PUBLISHED = "fp32"  # what both were published in


class Baseline(NamedTuple):
    """A name to print, its configuration, and its precision: fp32, bf16 or fp16."""

    name: str
    config: Config
    precision: str


def baselines(
    preset: str, width: int, size: int, batch: int, precision: str, peers: tuple[str, ...]
) -> list[Baseline]:
    """Ours first; then each peer as published and, where that differs, in our precision."""
    model = {"name": "unet", "preset": preset, "encoder_weights": "none"}
    found = [
        Baseline(
            f"ours, {preset}", _config(model, {"base_channels": width}, size, batch), precision
        )
    ]
    for name in peers:
        peer = PEERS[name]
        config = _config(peer["model"], peer["discriminator"], size, batch, **peer["stage"])
        for kind in dict.fromkeys((PUBLISHED, precision)):
            found.append(Baseline(f"{name}, no perceptual loss", config, kind))
    return found


def _config(
    model: dict[str, Any], discriminator: dict[str, Any], size: int, batch: int, **stage: Any
) -> Config:
    common = {"name": "gan", "kind": "adversarial", "images": batch, "lr": 1e-5}
    return parse(
        {
            "model": model,
            "discriminator": discriminator,
            "data": {"samples": True},
            "stages": [{**common, "size": size, "batch_size": batch, **stage}],
        }
    )
