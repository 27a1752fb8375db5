"""Where a run reports to: always log.csv, and Weights & Biases where configured."""

import csv
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from gan_color.config import Config
from gan_color.console import console


class CsvLog:
    """log.csv: one row per report, columns added as they come; an empty cell means "not now"."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.columns = next(csv.reader(file), [])

    def rows(self) -> list[dict[str, str]]:
        """Every row so far."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def add(self, row: dict[str, Any]) -> None:
        """Append a row."""
        new = [name for name in row if name not in self.columns]
        if new:
            rows = self.rows()
            self.columns += new
            self._rewrite(rows)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="").writerow(row)

    def cut(self, total_images: int) -> None:
        """Drop what a killed run logged after its last checkpoint."""
        kept = []
        for row in self.rows():
            try:
                if int(row["total_images"]) <= total_images:
                    kept.append(row)
            except (KeyError, TypeError, ValueError):
                continue  # a line that the kill left half-written
        if self.columns:
            self._rewrite(kept)

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        temporary = self.path.with_name(f".{self.path.name}.part")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(self.path)


class Tracker:
    """The tracker that tracks nothing, so that callers never ask whether one is on."""

    run_id: str | None = None

    def log(self, row: dict[str, Any]) -> None:
        """A row of numbers; "stage" and "total_images" say when."""

    def preview(self, sheet: Image.Image, total_images: int) -> None:
        """A sheet of pictures."""

    def model(self, path: Path, metadata: dict[str, Any]) -> None:
        """The exported model."""

    def summary(self, values: dict[str, Any]) -> None:
        """Final figures, beside the curves."""

    def finish(self) -> None:
        """Say goodbye; nothing may follow."""


class WandbTracker(Tracker):
    """Weights & Biases; the x-axis is images, and stages are groups ("gan/adversarial")."""

    def __init__(
        self, config: Config, mode: Literal["online", "offline"], run_id: str | None
    ) -> None:
        import wandb

        self.wandb = wandb
        self.run = wandb.init(
            project=config.tracking.project,
            name=config.run.name,
            dir=str(config.folder),
            config=config.model_dump(mode="json"),
            mode=mode,
            tags=list(config.tracking.tags),
            id=run_id,
            resume="allow",
        )
        self.run_id = self.run.id
        self.run.define_metric("images")
        self.run.define_metric("*", step_metric="images")

    def log(self, row: dict[str, Any]) -> None:
        stage = row["stage"]
        values = {
            f"{stage}/{name}": value
            for name, value in row.items()
            if isinstance(value, int | float) and name not in ("images", "total_images")
        }
        self.run.log({**values, "images": row["total_images"]})

    def preview(self, sheet: Image.Image, total_images: int) -> None:
        self.run.log({"preview": self.wandb.Image(sheet), "images": total_images})

    def model(self, path: Path, metadata: dict[str, Any]) -> None:
        artifact = self.wandb.Artifact(f"{self.run.name}-model", "model", metadata=metadata)
        artifact.add_file(str(path))
        self.run.log_artifact(artifact)

    def summary(self, values: dict[str, Any]) -> None:
        self.run.summary.update(values)

    def finish(self) -> None:
        self.run.finish()


def wandb_has_key() -> bool:
    """True where W&B finds credentials without asking for them."""
    import wandb

    return wandb.login(prompt=False, verify=False)


def create(config: Config, run_id: str | None) -> Tracker:
    """The tracker a configuration asks for.

    Online without a key, or without the server: a sentence, and offline.
    """
    mode = config.tracking.wandb
    if mode == "disabled":
        return Tracker()
    if mode == "online":
        if not wandb_has_key():
            _say_offline("found no API key; run `wandb login`")
        else:
            import wandb

            try:
                return WandbTracker(config, mode, run_id)
            except wandb.errors.Error as error:
                _say_offline(f"could not start online ({error})")
    return WandbTracker(config, "offline", run_id)


def _say_offline(reason: str) -> None:
    console.print(
        f"W&B: {' '.join(reason.split())}: this run is tracked offline; `wandb sync` sends the "
        "folder it names",
        markup=False,
    )
