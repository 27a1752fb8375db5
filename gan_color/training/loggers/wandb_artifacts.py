"""Artifacts of Weights & Biases, as checkpoints and as models: sent, and fetched again.

An artifact of a checkpoint is laid out as the run's folder is, so that a run can go on from it:
config.yml, log.csv and the like, checkpoints/STAGE-IMAGES whole with its SHA256SUMS, and those
other checkpoints that later stages read. model.safetensors beside them is the EMA generator.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_color.atomic import sha256
from gan_color.config.schema import Config, load
from gan_color.errors import GanColorError
from gan_color.hub import pretrained
from gan_color.hub.model_file import save_model
from gan_color.models import registry
from gan_color.training import checkpoint

if TYPE_CHECKING:
    import wandb

PREFIX = "wandb:"
MODEL = "model.safetensors"
# What a run reads of its folder when it goes on, beside its checkpoints.
FILES = ("config.yml", "log.csv", "prior.json", "early_stopping.json")


def reference_of(name: str | Path | None) -> str | None:
    """ "entity/project/artifact:alias" of "wandb:entity/project/artifact:alias", else None."""
    text = str(name)
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def add_checkpoint(artifact: "wandb.Artifact", config: Config, folder: Path) -> None:
    """Fill an artifact with a checkpoint of a run and with all that going on from it takes."""
    found = checkpoint.read(folder)
    for name in FILES:
        if (config.folder / name).is_file():
            artifact.add_file(str(config.folder / name))
    for path in needed_checkpoints(config, found):
        artifact.add_dir(str(path), name=f"checkpoints/{path.name}")
    options = dict(config.model)
    name = options.pop("name")
    model = registry.model_class(name)(registry.parse_options(name, options).for_inference())
    model.load_state_dict(checkpoint.load(found, "ema"))
    record = {key: found.state[key] for key in ("stage", "total_images", "figures")}
    with tempfile.TemporaryDirectory() as place:
        save_model(Path(place) / MODEL, name, model, record)
        artifact.add_file(str(Path(place) / MODEL))  # W&B copies it at once


def needed_checkpoints(config: Config, found: checkpoint.Checkpoint) -> list[Path]:
    """The checkpoint, snapshots of early stopping, and ends of stages that are averaged later."""
    later = config.schedule[found.state["stage_index"] + 1 :]
    averaged = {name for scheduled in later for name in scheduled.stage.average_from}
    ends = {c.state["stage"]: c.folder for c in checkpoint.find(found.folder.parent)}
    snapshots = [found.folder.with_name(name) for name in found.state["protected"]]
    wanted = [found.folder, *snapshots, *(path for name, path in ends.items() if name in averaged)]
    return [path for path in dict.fromkeys(wanted) if path.is_dir()]


def find_model(name: str | Path) -> Path:
    """The model file of that name, of an artifact "wandb:entity/project/artifact:alias" too.

    Raises GanColorError for an artifact that cannot be had, or that holds no model file.
    """
    reference = reference_of(name)
    if reference is None:
        return pretrained.find_model(name)
    folder, _ = _download(reference)
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise GanColorError(
            f"run.init_from: {name} holds {len(found)} .safetensors files at its top, expected one "
            f"that `gan-color train` sent ({MODEL})"
        )
    return found[0]


def fetch_run(name: str, overrides: tuple[str, ...] = ()) -> Path:
    """Lay the run of a checkpoint's artifact down as runs/NAME, or where `overrides` name another
    run.dir or run.name; returns the folder, for `--resume`.

    Raises GanColorError where a folder is there already, or the artifact is no checkpoint's.
    """
    reference = reference_of(name)
    assert reference is not None
    source, finished = _download(reference)
    if not (source / "config.yml").is_file() or not checkpoint.find(source / "checkpoints"):
        raise GanColorError(
            f"--resume: {name} holds no config.yml and checkpoint, expected an artifact that "
            f"loggers.checkpoints sent; a model trains on with --set run.init_from={name}"
        )
    folder = load(source / "config.yml", ("run.dir=runs", *overrides)).folder
    if folder.exists():
        raise GanColorError(
            f"--resume: {folder} is there already: go on with --resume {folder}, or fetch {name} "
            "under another name: --set run.name=NAME"
        )
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(source, temporary, ignore=lambda place, _: [MODEL] * (place == str(source)))
        if finished:
            for found in checkpoint.find(temporary / "checkpoints"):
                _leave_run(found)
        temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise GanColorError(f"--resume: cannot write {folder}: {error}") from None
    return folder


def _leave_run(found: checkpoint.Checkpoint) -> None:
    """Have a checkpoint name no W&B run: a finished one is not opened again."""
    state, sums = found.folder / checkpoint.STATE_FILE, found.folder / checkpoint.SUMS_FILE
    before = sha256(state)
    state.write_text(json.dumps({**found.state, "wandb": None}, indent=1), encoding="utf-8")
    sums.write_text(sums.read_text(encoding="utf-8").replace(before, sha256(state)), "utf-8")


def _download(reference: str) -> tuple[Path, bool]:
    """(an artifact's files, whether the run that it is of has finished)."""
    import wandb

    expected = "expected wandb:entity/project/artifact:alias"
    if reference.count("/") != 2 or ":" not in reference.rpartition("/")[2]:
        raise GanColorError(f"{PREFIX}{reference}: found no such form, {expected}")
    if wandb.setup().settings.mode in ("offline", "disabled"):
        raise GanColorError(
            f"{PREFIX}{reference}: found W&B offline (WANDB_MODE), expected it online to fetch that"
        )
    if not wandb.login(prompt=False, verify=False):
        raise GanColorError(
            f"{PREFIX}{reference}: found no API key of W&B, expected one: run `wandb login`"
        )
    try:
        artifact = wandb.Api().artifact(reference)
        run: Any = artifact.logged_by()
        finished = run is None or run.state == "finished"
        return Path(artifact.download()), finished
    # The package raises its own errors, its HTTP client's and plain ValueErrors.
    except Exception as error:
        detail = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise GanColorError(
            f"{PREFIX}{reference}: W&B does not give it: {detail}; look at its name, its alias and "
            "the network"
        ) from None
