"""A model trained further on an album: what that gave there, and what it cost elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gan_color.atomic import atomic_write, write_text
from gan_color.config.schema import Config
from gan_color.console import console
from gan_color.data import samples
from gan_color.data.index import ImageFile
from gan_color.data.prepare import find_data
from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.evaluation.mean_figures import MeanFigures, mean_figures
from gan_color.evaluation.validation_set import ValidationSet
from gan_color.hub.model_file import load_model
from gan_color.images.files import spread
from gan_color.training.loggers.preview import preview_sheet
from gan_color.training.loggers.wandb_artifacts import find_model
from gan_color.training.trainer import train

FEW = 50  # photographs of an album, below which it is told what that means
SIZE = 256  # pixels of the center squares that are compared
EVALUATED, SHOWN = 200, 8  # photographs of the album, at most
REPORT = "finetune.json"


@dataclass(frozen=True)
class Comparison:
    """Figures on the same photographs of no color at all, of the file before, and of what it is
    now; `sheet` shows them before | after | truth.
    """

    photographs: int
    gray: MeanFigures
    before: MeanFigures
    after: MeanFigures
    sheet: Path


@dataclass(frozen=True)
class Finetuned:
    """The model file, and the comparisons: on the album's validation part, on what is packaged."""

    model: Path
    album: Comparison
    packaged: Comparison


def finetune(config: Config, resume: bool = False, overwrite: bool = False) -> Finetuned:
    """Train a configuration that starts from a model file, and compare the two.

    Writes finetune.json, album.jpg and packaged.jpg beside the model. Raises GanColorError, and
    TrainingInterrupted as `train` does.
    """
    if config.run.init_from is None:
        raise GanColorError("finetune: found no run.init_from, expected the model to start from")
    start = find_model(config.run.init_from)
    data = find_data(config)
    _say_what_few_means(len(data.train), len(data.val))
    model = train(config, resume, overwrite)
    files = spread(data.val, EVALUATED)
    album = _compare(config, start, model, files, "album.jpg")
    paths = sorted((*samples.photographs().values(), samples.held_out()))
    packaged = _compare(
        config, start, model, [ImageFile(path, "", False) for path in paths], "packaged.jpg"
    )
    found = Finetuned(model, album, packaged)
    write_text(config.folder / REPORT, json.dumps(asdict(found), indent=1, default=str))
    return found


def _say_what_few_means(train: int, val: int) -> None:
    if train + val < FEW:
        console.print(
            f"finetune: the album has {train + val} photographs, {train} to train on and {val} to "
            f"validate: with fewer than {FEW} its figures are rough and its pictures soon known by "
            "heart"
        )


def _compare(
    config: Config, start: Path, model: Path, files: Sequence[ImageFile], sheet: str
) -> Comparison:
    device = choose_device(config.run.device)
    inputs = [file.input for file in files]
    images = ValidationSet([file.path for file in files], SIZE, device=device, inputs=inputs)
    before, after = (
        images.predict(load_model(path).to(device)).rgb for path in (start.expanduser(), model)
    )
    shown = spread(range(len(files)), SHOWN)
    columns = {"before": before, "after": after, "truth": images.truth}
    path = config.folder / sheet
    with atomic_write(path) as temporary:
        rows = {name: column[shown] for name, column in columns.items()}
        preview_sheet(rows).save(temporary, quality=92, subsampling=0)
    return Comparison(
        len(files),
        mean_figures(images.gray(), images.truth),
        mean_figures(before, images.truth),
        mean_figures(after, images.truth),
        path,
    )


def describe(found: Finetuned) -> list[str]:
    """The comparisons in lines, and a sentence where the album did not gain."""
    lines = []
    for name, part in (
        ("the album's photographs that it did not train on", found.album),
        ("packaged photographs, what is forgotten", found.packaged),
    ):
        lines.append(f"{name} ({part.photographs}):")
        lines += [f"  {when:<7}{getattr(part, when)}" for when in ("gray", "before", "after")]
        lines.append(f"  before | after | truth: {part.sheet}")
    before, after = found.album.before, found.album.after
    if after.psnr <= before.psnr and after.delta_e2000 >= before.delta_e2000:
        lines.append(
            "the album gained nothing: keep the file that this started from, or give more "
            "photographs, a lower lr (--set stages.finetune.lr=3e-5) or less time"
        )
    return lines
