"""Pairs of photographs: what a model is shown, and the colors that it should give to it."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from PIL import ExifTags

from gan_color.config.data import FolderConfig, PairsConfig
from gan_color.console import console
from gan_color.data.index import Index, ScanCache, examine
from gan_color.errors import GanColorError
from gan_color.images.files import find_images
from gan_color.images.open import open_image

TURNED = (5, 6, 7, 8)  # EXIF orientations whose stored rows are columns


def pair_up(pairs: PairsConfig) -> dict[Path, Path]:
    """The input of each color photograph of one name: same subfolder, same stem, any suffix.

    Files without a partner are counted on the screen. Raises GanColorError for a folder without
    images, for two files of one name, and where no file has a partner.
    """
    inputs, colors = _by_name(pairs.input), _by_name(pairs.color)
    common = sorted(inputs.keys() & colors.keys())
    if not common:
        raise GanColorError(
            f"data.pairs: found no name that {pairs.input} and {pairs.color} have in common, "
            f"expected files such as {pairs.input / 'a.png'} and {pairs.color / 'a.jpg'}"
        )
    alone = len(inputs.keys() ^ colors.keys())
    if alone:
        console.print(f"data.pairs: {len(common):,} pairs; {alone:,} files without a partner left")
    return {colors[name]: inputs[name] for name in common}


def _by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in find_images(folder):
        found[path.relative_to(folder).with_suffix("").as_posix()].append(path)
    for name, paths in found.items():
        if len(paths) > 1:
            raise GanColorError(
                f"data.pairs: found {' and '.join(str(path) for path in paths)}, expected one file "
                f"named {name!r} in {folder}"
            )
    return {name: paths[0] for name, paths in found.items()}


def attach_inputs(
    index: Index, folders: tuple[FolderConfig, ...], pairs: PairsConfig, cache: ScanCache
) -> Index:
    """The index with the inputs of `pairs.color`, its last folder; what has no input is left.

    A pair whose input cannot be read is among the bad files. Raises GanColorError, as `pair_up`,
    and for the first pair of two sizes: its pixels would not lie upon each other.
    """
    partners = pair_up(pairs)
    last = len(folders) - 1
    known = dict(zip(partners.values(), examine(partners.values(), cache), strict=True))
    found = Index(classes=index.classes, bad=list(index.bad))
    for file in index.files:
        if file.folder != last:
            found.files.append(file)
        elif (partner := partners.get(file.path)) is not None:
            if "bad" in known[partner]:
                found.bad.append((partner, str(known[partner]["bad"])))
                continue
            _require_same_size(partner, file.path)
            found.files.append(replace(file, input=partner))
    return found


def _require_same_size(one: Path, other: Path) -> None:
    sizes = _upright_size(one), _upright_size(other)
    if sizes[0] != sizes[1]:
        found = [f"{path} of {w} x {h}" for path, (w, h) in zip((one, other), sizes, strict=True)]
        raise GanColorError(
            f"data.pairs: found {' and '.join(found)} pixels, expected one size: the two of a pair "
            "must lie upon each other, so align and crop them first"
        )


def _upright_size(path: Path) -> tuple[int, int]:
    image = open_image(path, decode=False)
    width, height = image.size
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) in TURNED
    # Pillow gives a TIFF's size upright.
    return (height, width) if turned and image.format != "TIFF" else (width, height)
