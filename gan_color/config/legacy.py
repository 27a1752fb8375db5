"""Files of earlier versions: the one table that translates their names.

Every reader of a configuration, a model file's header, a checkpoint's state.json or a run's
early_stopping.json goes through here. What was not written by an earlier version comes back as it
is. (Datasets: scrapers/manifest.py.)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from gan_color.console import console

RUN = {
    "memory": "memory_budget",
    "previews": "preview_images",
    "judged": "val_images",
    "start": "init_from",
    "length": "duration_scale",
    "recompute": "activation_checkpointing",
    "keep": "keep_checkpoints",
    "average_half_life": "ema_half_life",
}
DATA = {
    "valid": "val",
    "valid_share": "val_fraction",
    "drop_grey": "drop_gray",
    "workers": "num_workers",
    "licence": "license",
    "only": "filename_filter",
}
AUGMENT = {"degrade": "degradation"}
WANDB = ("project", "tags")  # of loggers, now of loggers.wandb
DISCRIMINATOR = {
    "width": "base_channels",
    "scales": "num_discriminators",
    "layers": "num_layers",
    "leak": "negative_slope",
}
STAGE = {
    "batch": "batch_size",
    "accumulate": "grad_accum_steps",
    "clip": "clip_grad_norm",
    "own": "model_loss_weight",
    "gan": "adversarial_weight",
    "psnr": "psnr_weight",
    "colorfulness": "colorfulness_weight",
    "color_difference": "color_difference_weight",
    "feature_matching": "feature_matching_weight",
    "discriminator_lr": "discriminator_lr_mult",
    "encoder_lr": "encoder_lr_mult",
    "catch_up": "generator_update_threshold",
    "average_half_life": "ema_half_life",
    "mean_of": "average_from",
    "hold": "hold_fraction",
    "factor": "gamma",
    "repeat": "cycles",
    "objective": "gan_mode",
    "inflection": "early_stopping",
}
EARLY_STOPPING = {
    "every": "eval_every",
    "pictures": "num_images",
    "minimum_gain": "min_delta",
    "stop": "stop_early",
    "space": "feature_extractor",
    "skin_chroma": "max_skin_chroma",
    "skin_hue": "max_skin_hue",
}
BACKBONE = {"args": "kwargs", "drop": "remove_modules"}
MODEL = {
    "width": "base_channels",
    "widths": "decoder_channels",
    "convolutions": "convs_per_block",
    "pixel": "pixel_loss",
    "bound": "ab_activation",
    "threshold": "chroma_threshold",
    "gain": "chroma_gain",
    "downs": "num_downs",
    "heads": "num_heads",
    "hidden": "dim_feedforward",
    "queries": "num_queries",
    "neighbours": "num_neighbors",
    "uniform": "uniform_mix",
    "grey_limit": "gray_limit",
    "encoder_args": "encoder_kwargs",
    "encoder_drop": "encoder_remove_modules",
    "classifier_args": "classifier_kwargs",
}
MODEL_DROPPED = ("rebalance_cap", "classifier_drop")
AUTOENCODERS = ("alpha", "beta")  # their width was a factor
RECORD = {
    "pictures": "training_images",
    "data_licence": "data_license",
    "licence": "license",
    "chosen": "best",
}
STATE = {
    "judgements": "evaluations",
    "spared": "protected",
    "chosen": "best",
    "average_images": "ema_images",
}
SNAPSHOTS = {"judgements": "evaluations", "chosen": "best", "pictures": "images"}
TENSORS = {"colour": "color", "centres": "centers"}  # parts of a tensor's name
CHECKPOINT_FILES = {"ema": "average"}  # today's name: the name that an earlier version gave
EARLY_STOPPING_FILE = "inflection.json"

Mapped = dict[str, Any]
T = TypeVar("T")


def _renamed(data: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(data, dict):
        return data
    # A name of today's wins, so that an override of an old file's key is what counts.
    return {
        names.get(k, k): v for k, v in data.items() if names.get(k, k) == k or names[k] not in data
    }


def model_options(name: str, options: Mapped) -> Mapped:
    """A model's options, by today's names."""
    names = MODEL | ({"width": "width_mult"} if name in AUTOENCODERS else {})
    if name == "colornet" and options.get("flow") == "grey":
        options = {**options, "flow": "gray"}
    if options.get("temperature", 0) is None:  # of zhang16: its default
        options = {key: value for key, value in options.items() if key != "temperature"}
    kept = {key: value for key, value in options.items() if key not in MODEL_DROPPED}
    found: Mapped = _renamed(kept, names)
    return found


def _stage(stage: Any) -> Any:
    stage = _renamed(stage, STAGE)
    if not isinstance(stage, dict):
        return stage
    if "perceptual" in stage:
        stage["perceptual"] = _renamed(stage["perceptual"], BACKBONE)
    if "augment" in stage:
        stage["augment"] = _renamed(stage["augment"], AUGMENT)
    if "early_stopping" in stage:
        rule = _renamed(stage["early_stopping"], EARLY_STOPPING)
        if isinstance(rule, dict) and "feature_extractor" in rule:
            rule["feature_extractor"] = _renamed(rule["feature_extractor"], BACKBONE)
        stage["early_stopping"] = rule
    return stage


def _config(data: Mapped) -> Mapped:
    data = _renamed(data, {"tracking": "loggers"})
    for section, names in (("run", RUN), ("data", DATA), ("discriminator", DISCRIMINATOR)):
        if section in data:
            data[section] = _renamed(data[section], names)
    if isinstance(data.get("data"), dict) and "augment" in data["data"]:
        data["data"]["augment"] = _renamed(data["data"]["augment"], AUGMENT)
    model = data.get("model")
    if isinstance(model, dict):
        data["model"] = model_options(str(model.get("name")), model)
    if isinstance(data.get("stages"), list):
        data["stages"] = [_stage(stage) for stage in data["stages"]]
    return data


def _with_wandb_mapping(data: Mapped) -> Mapped:
    loggers = data.get("loggers")
    if not isinstance(loggers, dict) or loggers.keys().isdisjoint(WANDB):
        return data
    kept = {key: value for key, value in loggers.items() if key not in WANDB}
    wandb = kept.get("wandb", "disabled")
    if not isinstance(wandb, dict):
        wandb = {"mode": wandb}
    moved = {key: loggers[key] for key in WANDB if key in loggers}
    return {**data, "loggers": {**kept, "wandb": {**moved, **wandb}}}


def _without_decay(stage: Any) -> Any:
    if isinstance(stage, dict) and stage.get("kind") == "discriminator":
        return {key: value for key, value in stage.items() if key != "weight_decay"}
    return stage


def run_config(data: Mapped, origin: str) -> Mapped:
    """A configuration by today's names; says on the screen where it had others.

    Validation images of earlier versions were reduced by area averaging: such a configuration goes
    on with it. A discriminator stage's weight_decay had no effect then, and has none now.
    """
    renamed = _config(dict(data))
    found = _with_wandb_mapping(renamed)
    if found == data:
        return data
    if renamed != data:
        section = found.get("data")
        if isinstance(section, dict):
            section.setdefault("eval_resize", "area")
        if isinstance(found.get("stages"), list):
            found["stages"] = [_without_decay(stage) for stage in found["stages"]]
    console.print(
        f"{origin}: has keys of an earlier version, read as those of today: "
        "docs/train.md lists them",
        markup=False,
    )
    return found


def model_header(header: Mapped) -> Mapped:
    """The header of a model file of format 1, as format 2 has it."""
    record = _renamed(header.get("record", {}), RECORD)
    stages = record.get("stages")
    if isinstance(stages, list):
        record["stages"] = [_renamed(stage, STAGE) for stage in stages]
    if "calibration" in record:
        record["calibration"] = _renamed(
            record["calibration"],
            {"pictures": "images", "threshold": "chroma_threshold", "gain": "chroma_gain"},
        )
    options = model_options(header["name"], header["options"])
    return {**header, "format": 2, "options": options, "record": record}


def tensors(found: dict[str, T]) -> dict[str, T]:
    """The tensors of a model file or a checkpoint, by today's names."""
    return {
        ".".join(TENSORS.get(part, part) for part in name.split(".")): tensor
        for name, tensor in found.items()
    }


def training_state(state: Mapped) -> Mapped:
    """A checkpoint's state.json, by today's names."""
    found: Mapped = _renamed(state, STATE)
    return found


def snapshots(content: Mapped) -> Mapped:
    """The content of inflection.json, as early_stopping.json has it."""
    found: Mapped = _renamed(content, SNAPSHOTS)
    if "rule" in found:
        found["rule"] = _stage({"early_stopping": found["rule"]})["early_stopping"]
    return found


def log_column(name: str) -> str:
    """A column of log.csv."""
    return name.replace("watch_", "snapshot_", 1) if name.startswith("watch_") else name


def existing(path: Path, earlier: str) -> Path:
    """The file, or the one of an earlier name beside it where only that exists."""
    old = path.with_name(earlier)
    return old if old.exists() and not path.exists() else path
