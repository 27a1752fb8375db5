"""Weights & Biases: config, curves by stage, previews, and artifacts with their lineage."""

from pathlib import Path
from typing import Any, Literal

import torch
import wandb

from gan_color.atomic import sha256
from gan_color.config.schema import Config
from gan_color.training.loggers.base import Logger, Reported, Rows, scalars
from gan_color.training.loggers.wandb_artifacts import add_checkpoint, reference_of

WandbError = wandb.errors.Error

# The summary has a curve's last value by W&B's own rule; of these, the best and its image count.
BEST = {"psnr": max, "snapshot_frechet": min, "snapshot_score": min}
MAXIMA = ("gradient_norm", "gradient_norm_discriminator")  # of these, the largest alone


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
    """The x-axis is images, and stages are groups ("gan/adversarial").

    A resumed run goes on in the W&B run that its checkpoint names. What it repeats, because it was
    killed after the checkpoint, is reported once.
    """

    def __init__(
        self, config: Config, mode: Literal["online", "offline"], reported: Reported
    ) -> None:
        self.online, self.config = mode == "online", config
        options = config.loggers.wandb
        self.run = wandb.init(
            project=options.project,
            entity=options.entity,
            group=options.group,
            job_type=options.job_type,
            tags=list(options.tags),
            notes=options.notes,
            name=config.run.name,
            dir=str(config.folder),
            config=_by_stage(config),
            mode=mode,
            id=reported.run_id,
            resume="allow",
        )
        self.run_id = self.run.id
        self.manifest_sha256: str | None = None
        self.shown: tuple[Rows, int] | None = None  # the newest previews, and when
        self.run.define_metric("images")
        self.run.define_metric("*", step_metric="images")
        for scheduled in config.schedule:
            for name in MAXIMA:
                metric = f"{scheduled.stage.name}/{name}"
                self.run.define_metric(metric, step_metric="images", summary="max")
        self.reported: set[tuple[int, str]] = set()
        self.best: dict[str, tuple[float, int]] = {}  # (value, images) of a curve
        for row in reported.rows:
            self._take_over(row)
        for name in self.best:
            self._summarize(name)
        # The server may know more than log.csv does: this machine may not be the first.
        self.until = int(self.run.summary.get("images") or 0)
        if any(images >= self.until for images, _ in self.reported):
            self.until = 0

    def _take_over(self, row: dict[str, str]) -> None:
        """Count a row of log.csv as reported."""
        images = int(row["total_images"])
        for name, cell in row.items():
            if name in ("stage", "images", "total_images") or not cell:
                continue
            self.reported.add((images, f"{row['stage']}/{name}"))
            self._is_best(f"{row['stage']}/{name}", float(cell), images)

    def log(self, row: dict[str, Any]) -> None:
        images = row["total_images"]
        found = {
            name: value
            for name, value in scalars(row).items()
            if images > self.until and (images, name) not in self.reported
        }
        if found:
            self.run.log({**found, "images": images})
        for name, value in found.items():
            if self._is_best(name, value, images):
                self._summarize(name)

    def _is_best(self, name: str, value: float, images: int) -> bool:
        """True for the best value so far of a curve that has a best one."""
        better = BEST.get(name.rpartition("/")[2])
        if better is None:
            return False
        before = self.best.get(name)
        if before is not None and better(before[0], value) == before[0]:
            return False
        self.best[name] = value, images
        return True

    def _summarize(self, name: str) -> None:
        value, images = self.best[name]
        self.run.summary.update({f"{name}_best": value, f"{name}_best_images": images})

    def previews(self, rows: Rows, total_images: int) -> None:
        self.shown = rows, total_images
        validated = any(i == total_images and n.endswith("/psnr") for i, n in self.reported)
        if validated or total_images <= self.until:
            return
        caption = " | ".join(rows)
        lines = torch.cat(list(rows.values()), dim=3)  # [N, 3, H, columns x W]
        images = [
            wandb.Image(line.permute(1, 2, 0).numpy(), caption=f"image {i}: {caption}")
            for i, line in enumerate(lines, 1)
        ]
        self.run.log({"previews": images, "images": total_images})

    def last_previews(self) -> None:
        """One table, whose columns can be sorted and compared over runs."""
        if self.shown is None:
            return
        rows, total_images = self.shown
        table = wandb.Table(columns=["image", *rows])
        for i, images in enumerate(zip(*rows.values(), strict=True), 1):
            table.add_data(i, *(wandb.Image(rgb.permute(1, 2, 0).numpy()) for rgb in images))
        self.run.log({"previews_table": table, "images": total_images})

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
        if not self.online:
            self.run.log_artifact(artifact)
            return
        self.run.use_artifact(artifact)
        if start := reference_of(self.config.run.init_from):
            self.run.use_artifact(start)

    def checkpoint(self, folder: Path, stage: str) -> None:
        artifact = wandb.Artifact(
            f"{self.run.name}-checkpoint", "checkpoint", metadata=self._origin({"stage": stage})
        )
        add_checkpoint(artifact, self.config, folder)
        self.run.log_artifact(artifact, aliases=["latest", stage])

    def model(self, path: Path, metadata: dict[str, Any], aliases: list[str]) -> None:
        artifact = wandb.Artifact(
            f"{self.run.name}-model", "model", metadata=self._origin(metadata)
        )
        artifact.add_file(str(path))
        self.run.log_artifact(artifact, aliases=["latest", *aliases])

    def _origin(self, metadata: dict[str, Any]) -> dict[str, Any]:
        return {**metadata, "manifest_sha256": self.manifest_sha256}

    def summary(self, values: dict[str, Any]) -> None:
        self.run.summary.update(values)

    def finish(self) -> None:
        self.run.finish()
