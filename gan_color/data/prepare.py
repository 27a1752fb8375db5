"""The data of a run: which images train, which validate, and what colors they have."""

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_color.atomic import write_text
from gan_color.color.ab_bins import BIN_COUNT, bin_histogram, smooth_prior
from gan_color.color.lab import from_rgb8
from gan_color.config.data import FolderConfig
from gan_color.config.schema import Config
from gan_color.console import console
from gan_color.data.index import ImageFile, Index, ScanCache, scan
from gan_color.data.loaders import KeySampler, draw_probabilities
from gan_color.data.pairs import attach_inputs
from gan_color.data.samples import build as build_samples
from gan_color.data.split import at_least_one_each, split_by_digest
from gan_color.errors import GanColorError
from gan_color.images.resize import evaluation_crop

MANIFEST = "manifest.csv"
SAMPLES = Path("datasets/samples")
PRIOR_IMAGES = 2000  # of 64 x 64: 8 million pixels, plenty for 313 bins
PRIOR_SIZE = 64
FRECHET_IMAGES = 2  # that early stopping's Frechet distance needs
LISTED = 10  # unreadable files named on the screen; data.json names all


@dataclass(frozen=True)
class Data:
    """The files of a run, and a JSON-able account of what was found and skipped."""

    train: list[ImageFile]
    val: list[ImageFile]
    folders: tuple[FolderConfig, ...]
    summary: dict[str, Any]


def find_data(config: Config) -> Data:
    """Check every image; leave out, and count, bad and gray ones; split off validation.

    Raises GanColorError where a folder is missing or nothing is left.
    """
    data = config.data
    folders, val_folders = data.folders, data.val
    if data.samples:
        train_folder, val_folder = build_samples(SAMPLES)
        folders = (FolderConfig(path=train_folder),)
        val_folders = (FolderConfig(path=val_folder),)
    cache = ScanCache(config.run.dir / ".scan" / "files.jsonl")
    with console.status("checking images"):
        if data.pairs is not None:
            folders = (*folders, FolderConfig(path=data.pairs.color, weight=data.pairs.weight))
        index = scan(folders, data, cache)
        if data.pairs is not None:
            index = attach_inputs(index, folders, data.pairs, cache)
        val_index = Index()
        if val_folders:
            # Sources matter for drawing only, and validation is not drawn.
            data = data.model_copy(update={"source_pattern": None})
            val_index = scan(val_folders, data, cache)
    scanned = index.files + val_index.files
    gray = sum(file.gray for file in scanned)
    train, val = (
        [file for file in found.files if not (data.drop_gray and file.gray)]
        for found in (index, val_index)
    )
    bad = index.bad + val_index.bad
    skipped = f"{len(bad)} unreadable, {gray} gray"
    if train and not val_folders:
        train, val = _split(train, data.val_fraction, skipped)
    if data.filename_filter is not None:
        train = [file for file in train if re.search(data.filename_filter, file.path.name)]
    for purpose, files in (("train on", train), ("validate on", val)):
        if not files:
            raise GanColorError(
                f"data: no images left to {purpose} ({skipped}); "
                "expected at least one: see data.folders, filename_filter, val and val_fraction"
            )
    for stage in config.stages:
        if getattr(stage, "early_stopping", None) and len(val) < FRECHET_IMAGES:
            raise GanColorError(
                f"stages.{stage.name}.early_stopping: found {len(val)} image to validate on, "
                f"expected at least {FRECHET_IMAGES}: see data.val and val_fraction, or set it to "
                "null"
            )
    summary = {
        "train": len(train),
        "val": len(val),
        "classes": index.classes,
        "sources": dict(Counter(file.source for file in train)),
        "gray": gray,
        "gray_dropped": data.drop_gray,
        "bad": [{"file": str(path), "reason": reason} for path, reason in bad],
    }
    return Data(train, val, folders, summary)


def _split(
    files: list[ImageFile], val_fraction: float, skipped: str
) -> tuple[list[ImageFile], list[ImageFile]]:
    """Training and validation images, at least one of each; says so where the share gives none."""
    by_share = split_by_digest(files, val_fraction)
    train, val = at_least_one_each(*by_share)
    if not (train and val):
        raise GanColorError(
            f"data: found {len(files)} images of one content ({skipped}); expected at least 2 that "
            "differ, one to train and one to validate on, or folders in data.val"
        )
    if len(train) != len(by_share[0]):
        console.print(
            f"data: val_fraction {val_fraction:g} of {len(files):,} images leaves none to "
            f"{'train' if by_share[1] else 'validate'} on, so at least one is taken: "
            f"{len(train):,} to train, {len(val):,} to validate on; data.val would give more"
        )
    return train, val


def report_data(data: Data, folder: Path) -> None:
    """Write data.json and manifest.csv, and say on the screen what was found."""
    write_text(folder / "data.json", json.dumps(data.summary, indent=1))
    manifest = io.StringIO()
    writer = csv.writer(manifest, lineterminator="\n")
    writer.writerow(("split", "path", "digest", "source", "label"))
    for split, files in (("train", data.train), ("val", data.val)):
        writer.writerows((split, f.path, f.digest, f.source, f.label) for f in files)
    write_text(folder / MANIFEST, manifest.getvalue())
    gray, bad = data.summary["gray"], data.summary["bad"]
    action = "skipped" if data.summary["gray_dropped"] else "kept"
    console.print(
        f"data: {len(data.train):,} images to train on, {len(data.val):,} to validate; "
        f"{gray:,} gray {action}, {len(bad):,} unreadable"
    )
    for entry in bad[:LISTED]:
        console.print(f"  skipped {entry['file']}: {entry['reason']}")
    if len(bad) > LISTED:
        console.print(f"  and {len(bad) - LISTED:,} more: see {folder / 'data.json'}")


def measure_prior(data: Data, config: Config, keep: bool) -> Tensor:
    """The training set's colors [313], measured once and written to prior.json.

    `keep` reads that file instead, where it exists, so that a resumed run agrees with its start.
    """
    path = config.folder / "prior.json"
    if keep and path.exists():
        return torch.tensor(json.loads(path.read_text(encoding="utf-8")), dtype=torch.float64)
    probabilities = draw_probabilities(data.train, config.data, data.folders)
    sampler = KeySampler(probabilities, 1, PRIOR_IMAGES, (config.run.seed,))
    histogram = torch.zeros(BIN_COUNT, dtype=torch.float64)
    with console.status("measuring the colors of the training set"):
        draws = Counter(index for index, _ in next(iter(sampler)))
        for index, times in sorted(draws.items()):
            crop = evaluation_crop(data.train[index].path, PRIOR_SIZE, "area")[None]
            histogram += times * bin_histogram(from_rgb8(crop)[1])
    prior = smooth_prior(histogram)
    write_text(path, json.dumps(prior.tolist()))
    return prior
