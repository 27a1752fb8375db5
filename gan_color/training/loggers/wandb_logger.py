"""Weights & Biases: config, curves by stage, previews, and artifacts with their lineage."""

from pathlib import Path
from typing import Any, Literal

import torch
import wandb

from gan_color.atomic import sha256
from gan_color.config.schema import Config
from gan_color.training.loggers.base import Logger, Rows, scalars

WandbError = wandb.errors.Error

# What the summary keeps of a curve: by default W&B keeps its last value.
SUMMARIES = {
    "psnr": "max",
    "snapshot_frechet": "min",
    "snapshot_score": "min",
    "gradient_norm": "max",
    "gradient_norm_discriminator": "max",
}


def has_key() -> bool:
    """True where W&B finds credentials without asking for them."""
    return wandb.login(prompt=False, verify=False)


def _by_stage(config: Config) -> dict[str, Any]:
    """The configuration with its stages by name: W&B makes columns of the keys of dicts, and none
    of a list, and a sweep groups by a column ("stages.gan.lr").
    """
    mapping = config.model_dump(mode="json")
    return {**mapping, "stages": {stage["name"]: stage for stage in mapping["stages"]}}


class WandbLogger(Logger):
    """The x-axis is images, and stages are groups ("gan/adversarial")."""

    def __init__(
        self, config: Config, mode: Literal["online", "offline"], run_id: str | None
    ) -> None:
        self.online = mode == "online"
        self.run = wandb.init(
            project=config.loggers.project,
            name=config.run.name,
            dir=str(config.folder),
            config=_by_stage(config),
            mode=mode,
            tags=list(config.loggers.tags),
            id=run_id,
            resume="allow",
        )
        self.run_id = self.run.id
        self.manifest_sha256: str | None = None
        self.run.define_metric("images")
        self.run.define_metric("*", step_metric="images")
        for scheduled in config.schedule:
            for name, kept in SUMMARIES.items():
                metric = f"{scheduled.stage.name}/{name}"
                self.run.define_metric(metric, step_metric="images", summary=kept)

    def log(self, row: dict[str, Any]) -> None:
        self.run.log({**scalars(row), "images": row["total_images"]})

    def previews(self, rows: Rows, total_images: int) -> None:
        caption = " | ".join(rows)
        lines = torch.cat(list(rows.values()), dim=3)  # [N, 3, H, columns x W]
        images = [
            wandb.Image(line.permute(1, 2, 0).numpy(), caption=f"image {i}: {caption}")
            for i, line in enumerate(lines, 1)
        ]
        self.run.log({"previews": images, "images": total_images})

    def dataset(self, manifest: Path, summary: dict[str, Any]) -> None:
        self.manifest_sha256 = sha256(manifest)
        kept = {k: v for k, v in summary.items() if k != "bad"}
        artifact = wandb.Artifact(
            f"{self.run.project}-dataset",
            "dataset",
            metadata={**kept, "manifest_sha256": self.manifest_sha256},
        )
        artifact.add_file(str(manifest))
        # As an input where the server is there to link it; W&B cannot record inputs offline.
        if self.online:
            self.run.use_artifact(artifact)
        else:
            self.run.log_artifact(artifact)

    def checkpoint(self, folder: Path, stage: str) -> None:
        artifact = wandb.Artifact(
            f"{self.run.name}-checkpoint", "checkpoint", metadata=self._origin({"stage": stage})
        )
        artifact.add_file(str(folder / "ema.safetensors"))
        artifact.add_file(str(folder / "state.json"))
        self.run.log_artifact(artifact, aliases=["latest", stage])

    def model(self, path: Path, metadata: dict[str, Any]) -> None:
        artifact = wandb.Artifact(
            f"{self.run.name}-model", "model", metadata=self._origin(metadata)
        )
        artifact.add_file(str(path))
        self.run.log_artifact(artifact)

    def _origin(self, metadata: dict[str, Any]) -> dict[str, Any]:
        return {**metadata, "manifest_sha256": self.manifest_sha256}

    def summary(self, values: dict[str, Any]) -> None:
        self.run.summary.update(values)

    def finish(self) -> None:
        self.run.finish()
