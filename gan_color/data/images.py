"""Find, read, check and split image files."""

import hashlib
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from gan_color.data.shards import members, read_bytes, tar_of
from gan_color.errors import GanColorError

File = TypeVar("File")
_COMMON = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
SUFFIXES = frozenset((*_COMMON, ".avif", ".heic", ".heif"))
# Larger pictures are refused before they are decoded: 200 megapixels are 0.6 GB as RGB.
PIXEL_LIMIT = 200_000_000
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
# Below this mean chroma (Lab) a picture is grey to the eye; JPEG alone gives a grey one about 1.
GREY_CHROMA = 3.0


class BadImageError(GanColorError):
    """A file that is not a readable picture; the message says why."""


def find_images(folder: Path, shards: bool = False) -> list[Path]:
    """Every image file below a folder, sorted; hidden files and folders are left out.

    So is what `python -m scrapers clean` moved to `quarantine`, beside its manifest. `shards` looks
    into tars too (gan_color.data.shards).

    Raises GanColorError where the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise GanColorError(f"data: found no folder {str(folder)!r}, expected a folder of images")
    found = []
    for root, directories, files in os.walk(folder):
        directories[:] = sorted(d for d in directories if not d.startswith("."))
        if "manifest.jsonl" in files and "quarantine" in directories:
            directories.remove("quarantine")
        paths = [Path(root, name) for name in files if not name.startswith(".")]
        if shards:
            tars = [path for path in paths if path.suffix == ".tar"]
            paths += [member for tar in tars for member in members(tar)]
        found += [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not found:
        raise GanColorError(
            f"data: found no images in {str(folder)!r}, expected "
            f"{', '.join(sorted(SUFFIXES))} files"
        )
    return sorted(found)


def spread(files: Sequence[File], count: int) -> list[File]:
    """At most `count` of sorted files, evenly spread, so that every folder and class is seen."""
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def to_srgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit sRGB: orientation applied, ICC profile converted, alpha laid on white.

    Raises BadImageError for a colour profile or a kind of pixel that cannot be read.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        # 16-bit grey: Pillow's own conversion clips instead of scaling.
        values = np.asarray(image, dtype=np.float64)
        return Image.fromarray((values / 257.0).clip(0, 255).round().astype(np.uint8)).convert(
            "RGB"
        )
    colour, alpha = split_alpha(image)
    rgb = convert_profile(colour, image.info.get("icc_profile"))
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    return rgb


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour (a mode without alpha or palette) and alpha; transparent pixels keep their colour."""
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    if image.mode in ("RGBA", "PA", "RGBa", "La") or "transparency" in image.info:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in ("P", "1"):
        return image.convert("RGB" if image.mode == "P" else "L"), None
    return image, None


def convert_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """sRGB of an 8-bit picture without alpha; BadImageError for what cannot be converted."""
    try:
        if image.mode == "LAB":
            return _through(image, ImageCms.createProfile("LAB"))
        if profile and image.mode in ("RGB", "CMYK", "L"):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            # A profile of another kind of picture says nothing about this one.
            fits = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}.get(space) == image.mode
            if fits and "sRGB" not in ImageCms.getProfileDescription(source):
                return _through(image, source)
        return image if image.mode == "RGB" else image.convert("RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise BadImageError(f"unreadable colour profile ({error})") from None
    except ValueError as error:
        raise BadImageError(f"pixels of kind {image.mode} ({error})") from None


def _through(
    image: Image.Image, profile: ImageCms.core.CmsProfile | ImageCms.ImageCmsProfile
) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted


def open_image(
    source: Path | io.BytesIO,
    pixel_limit: int | None = None,
    *,
    decode: bool = True,
    enough: int | None = None,
) -> Image.Image:
    """Open and fully decode a picture; BadImageError says why it cannot be.

    `pixel_limit`, by default PIXEL_LIMIT, is checked on the header, before anything is decoded.
    A JPEG comes at 1/2, 1/4 or 1/8 of its size where that leaves the shorter side `enough` pixels:
    fewer coefficients of its DCT are then transformed.
    """
    pixel_limit = PIXEL_LIMIT if pixel_limit is None else pixel_limit
    try:
        if isinstance(source, Path) and tar_of(source):
            source = io.BytesIO(read_bytes(source))
        image = _identify(source)
        if image.width * image.height > pixel_limit:
            raise BadImageError(
                f"{image.width} x {image.height} pixels, at most {pixel_limit:,} are accepted"
            )
        if enough is not None:
            ratio = enough / min(image.size)
            image.draft(None, (math.ceil(image.width * ratio), math.ceil(image.height * ratio)))
        if decode:
            image.load()
    except UnidentifiedImageError:
        raise BadImageError("not an image in a known format") from None
    except Image.DecompressionBombError:
        raise BadImageError(f"more than {pixel_limit:,} pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise BadImageError(str(error) or type(error).__name__) from None
    return image


def _identify(source: Path | io.BytesIO) -> Image.Image:
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        if not _is_heif(source):
            raise
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            raise BadImageError(
                "a HEIC picture, which needs pillow-heif: pip install 'gan-color[heic]'"
            ) from None
        register_heif_opener()
        return Image.open(source)


def _is_heif(source: Path | io.BytesIO) -> bool:
    """Whether the file begins with the box `ftyp` of ISO 14496-12, as HEIF does."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    source.seek(0)
    head = source.read(12)
    source.seek(0)
    return head[4:8] == b"ftyp"


def read_rgb(path: Path, enough: int | None = None) -> NDArray[np.uint8]:
    """Upright sRGB pixels [H, W, 3], reduced where `enough` are left (`open_image`).

    Raises BadImageError.
    """
    return np.array(to_srgb(open_image(path, enough=enough)))


def mean_chroma(rgb: NDArray[np.uint8]) -> float:
    """Mean Lab chroma of a picture [H, W, 3], from at most 64 x 64 of its pixels."""
    import torch

    from gan_color.lab import rgb8_to_float, rgb_to_lab

    step = max(1, min(rgb.shape[:2]) // 64)
    small = torch.from_numpy(rgb[::step, ::step].copy()).permute(2, 0, 1)[None]
    return float(rgb_to_lab(rgb8_to_float(small))[:, 1:].norm(dim=1).mean())


@dataclass(frozen=True)
class ImageFile:
    """One usable picture of a dataset."""

    path: Path
    digest: str  # SHA-256 of the file's bytes
    grey: bool
    label: int = -1  # index into Index.classes
    source: str = ""  # what balancing counts as one source
    folder: int = 0  # which of the configured folders it came from


@dataclass
class Index:
    """What a scan found: usable files, bad ones with their reason, class names."""

    files: list[ImageFile] = field(default_factory=list)
    bad: list[tuple[Path, str]] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


def _examine(path: Path) -> dict[str, object]:
    try:
        data = read_bytes(path)
        rgb = np.array(to_srgb(open_image(io.BytesIO(data))))
    except (BadImageError, OSError) as error:
        return {"bad": str(error)}
    return {"digest": hashlib.sha256(data).hexdigest(), "grey": mean_chroma(rgb) < GREY_CHROMA}


class ScanCache:
    """What earlier scans learnt about files, by path, size and modification time.

    A jsonl file, appended to; a broken line (a killed run) is skipped and simply redone.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, dict[str, object]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    self.known[row.pop("key")] = row
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue

    @staticmethod
    def key(path: Path) -> str:
        status = (tar_of(path) or path).stat()
        return f"{path.absolute()}|{status.st_size}|{status.st_mtime_ns}"

    def add(self, rows: dict[str, dict[str, object]]) -> None:
        self.known |= rows
        if self.path is None or not rows:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # The newline first: whatever a killed run left unfinished ends here.
            file.writelines(f"\n{json.dumps({'key': k, **v})}" for k, v in rows.items())


def examine(paths: Iterable[Path], cache: ScanCache) -> Iterator[dict[str, object]]:
    """What is known of each path: {"digest", "grey"} or {"bad": reason}, in the same order."""
    keys = {path: cache.key(path) for path in paths}
    new = [path for path, key in keys.items() if key not in cache.known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(new), 1024):
            part = new[start : start + 1024]
            rows = pool.map(_examine, part)
            cache.add({keys[path]: row for path, row in zip(part, rows, strict=True)})
    for key in keys.values():
        yield cache.known[key]


def split_by_digest(
    files: list[ImageFile], valid_share: float
) -> tuple[list[ImageFile], list[ImageFile]]:
    """(training, validation): a file's content alone decides, so copies never straddle the two."""
    edge = int(valid_share * 2**32)
    train: list[ImageFile] = []
    valid: list[ImageFile] = []
    for file in files:
        (valid if int(file.digest[:8], 16) < edge else train).append(file)
    return train, valid
