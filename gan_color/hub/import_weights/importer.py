"""From a published file to a model file: renamed, norms folded, checked tensor by tensor."""

import difflib
from pathlib import Path
from typing import Any

from gan_color.atomic import sha256
from gan_color.errors import GanColorError
from gan_color.hub.import_weights import ddcolor, deoldify, pix2pix, zhang
from gan_color.hub.import_weights.fold import fold_norms
from gan_color.hub.import_weights.source import Source
from gan_color.hub.model_file import save_folded
from gan_color.models import registry
from gan_color.models.base import Colorizer
from gan_color.models.published_weights import read_tensors

COLORIZERS = "https://colorizers.s3.us-east-2.amazonaws.com"
IDEEPCOLOR = "http://colorization.eecs.berkeley.edu/siggraph/models"
RESEARCH = "BSD 2-Clause code; no license is named for the weights"
SOURCES = {
    "eccv16": Source(
        "zhang16",
        "colorization_release_v2-9b330a0b.pth",
        f"{COLORIZERS}/colorization_release_v2-9b330a0b.pth",
        RESEARCH,
        zhang.describe_eccv16,
    ),
    "ddcolor": Source(
        "ddcolor",
        "ddcolor_paper_tiny.pth, ddcolor_paper.pth, ddcolor_modelscope.pth or ddcolor_artistic.pth",
        "https://huggingface.co/piddnad/DDColor-models",
        "Apache-2.0",
        ddcolor.describe,
        ddcolor.UNUSED,
    ),
    "deoldify": Source(
        "deoldify",
        "ColorizeStable_gen.pth, ColorizeArtistic_gen.pth or ColorizeVideo_gen.pth",
        "https://github.com/jantic/DeOldify#completed-generator-weights",
        "MIT",
        deoldify.describe,
    ),
    "siggraph17": Source(
        "siggraph17",
        "siggraph17-df00044c.pth, or caffemodel.pth of interactive-deep-colorization",
        f"{COLORIZERS}/siggraph17-df00044c.pth and {IDEEPCOLOR}/caffemodel.pth",
        RESEARCH,
        zhang.describe_siggraph17,
    ),
    "siggraph17_retrained": Source(
        "siggraph17",
        "pytorch.pth of interactive-deep-colorization",
        f"{IDEEPCOLOR}/pytorch.pth",
        RESEARCH,
        zhang.describe_retrained,
    ),
    "pix2pix": Source(
        "pix2pix",
        "latest_net_G.pth of a training with --model colorization",
        "nobody: its authors published no colorization weights",
        "those of whoever trained it",
        pix2pix.describe,
    ),
}


def import_weights(name: str, path: Path, output: Path) -> dict[str, Any]:
    """Write a published file as a model file, whole or not at all; returns its header's record.

    Every tensor of the file has a place in the model, and every one of the model's comes from the
    file. Raises GanColorError for an unknown source, and for a file that is not of it.
    """
    source = find_source(name)
    wanted = f"{name}'s: {source.files} ({source.published})"
    stored = fold_norms(read_tensors(path, wanted))
    try:
        options, names = source.describe(stored)
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise GanColorError(
            f"weights: {path} lacks {error}, which the weights of {name} have; expected {wanted}"
        ) from None
    model = _build(source.model, options).fold()
    theirs = {key: value for key, value in stored.items() if key not in source.unused}
    model.load_published(theirs, names, str(path), wanted)
    record = {
        "imported": name,
        "source": source.published,
        "file": path.name,
        "sha256": sha256(path),
        "terms": source.terms,
    }
    save_folded(output, source.model, model, record)
    return record


def find_source(name: str) -> Source:
    """The source of that name; GanColorError with all of them for an unknown one."""
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise GanColorError(
            f"import-weights: found the source {name!r}, expected one of {', '.join(SOURCES)}{hint}"
        )
    return SOURCES[name]


def _build(name: str, options: dict[str, Any]) -> Colorizer:
    fields = registry.model_class(name).Options.model_fields
    if "encoder_weights" in fields:  # they are in the file
        options = {**options, "encoder_weights": "none"}
    return registry.create(name, **options)
