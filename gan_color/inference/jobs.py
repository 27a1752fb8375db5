"""Files to color: which becomes which, and which is done; without torch, and so told at once.

No file of a run overwrites what another photo became, in this run or an earlier one: a colorized
file says in EXIF's Software which photo, model and options it was made from.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from gan_color.atomic import sha256
from gan_color.errors import GanColorError
from gan_color.images.damage import BadImageError, damage_as_bad_image
from gan_color.images.encode import SUFFIX_KINDS, kind_named
from gan_color.images.files import find_images, format_of, is_image_file
from gan_color.images.formats import SUFFIXES
from gan_color.inference.options import DEFAULTS, ColorizeOptions

KIND_SUFFIXES = {kind: suffix for suffix, kind in reversed(SUFFIX_KINDS.items())}
DIGITS = 12  # of a SHA-256
# The model, the photo and the options of a record; the version before them may change.
RECORD = re.compile(r".*colorized by gan_color \S+ (\(.*?\)) from photo ([0-9a-f]{12})(.*)", re.S)


@dataclass(frozen=True)
class Job:
    """One photo to color; `note` says why its target is not called like it."""

    source: Path
    target: Path
    note: str = ""

    def version(self, number: int) -> "Job":
        """The same photo's variant of a number: NAME-0.jpg, NAME-1.jpg, ..."""
        target = self.target.with_name(f"{self.target.stem}-{number}{self.target.suffix}")
        return Job(self.source, target, self.note)

    @property
    def comparison(self) -> Path:
        """Where before and after go, side by side."""
        return _comparison(self.target)


def _comparison(target: Path) -> Path:
    return target.with_name(f"{target.stem}.compare.jpg")


class JobState(Enum):
    """What became of a job."""

    COLORIZED, SKIPPED, FAILED = "colorized", "skipped", "failed"


@dataclass(frozen=True)
class JobResult:
    """A job that is over; `problem` says why one failed, `notes` what was dropped of a file,
    `scenes` what a photo shows.
    """

    job: Job
    state: JobState = JobState.COLORIZED
    problem: str = ""
    scenes: dict[str, float] = field(default_factory=dict)  # see Colorizer.scenes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchOptions:
    """How files are treated, beside how they are colorized."""

    options: ColorizeOptions = DEFAULTS
    batch: int = 1  # photos read at a time; those of one shape go through the model together
    smooth: float = 0.0  # for the frames of a video in a folder: see gan_color.inference.temporal
    quality: int | None = None
    provenance: str = ""  # of gan_color.inference.backends; empty: files say nothing
    compare: bool = False
    overwrite: bool = False  # else a file that was not made from this photo stays

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise GanColorError(f"batch: found {self.batch}, expected 1 or more")


def is_single(inputs: list[Path], output: Path) -> bool:
    """Whether `output` names the one file that one photo becomes."""
    one = len(inputs) == 1 and not inputs[0].is_dir()
    return one and output.suffix.lower() in SUFFIX_KINDS and not output.is_dir()


def plan_jobs(
    inputs: list[Path], output: Path, kind: str | None = None, compare: bool = False
) -> list[Job]:
    """Which file becomes which.

    Args:
        inputs: photos, and folders of photos.
        output: the file that one photo becomes; else a folder, in which the tree of each input
            folder is repeated. Where two photos would become one file, one gets a longer name.
        kind: the format to write, by a name of gan_color.images.encode.kind_named; None keeps each
            photo's.
        compare: whether comparisons are written too, which need names of their own.

    Raises GanColorError.
    """
    kind = kind and kind_named(kind)
    if is_single(inputs, output):
        if kind is not None and SUFFIX_KINDS[output.suffix.lower()] != kind:
            raise GanColorError(f"format: found {kind} for the output {output.name}")
        return [Job(inputs[0], output)]
    if output.exists() and not output.is_dir():
        raise GanColorError(f"output: {output} is a file, expected a folder for several photos")
    places: dict[Path, tuple[Path, Path]] = {}  # photo: the folder it goes to, the input it is of
    for source in inputs:
        if source.is_dir():
            # What was colorized before is no input, where the output lies within.
            within = source.resolve() != output.resolve()
            found = [p for p in find_images(source) if not (within and _is_below(p, output))]
            for path in found:
                places.setdefault(path, (output / path.relative_to(source).parent, source))
        else:
            places.setdefault(source, (output, source.parent))
    return _named(places, kind, compare)


def _named(places: dict[Path, tuple[Path, Path]], kind: str | None, compare: bool) -> list[Job]:
    wanted = {source: place[0] / f"{source.stem}{_suffix(source, kind)}"
              for source, place in places.items()}  # fmt: skip
    claimed: dict[str, Path] = {}
    jobs: dict[Path, Job] = {}
    # A photo that can keep its whole name does.
    for source in sorted(wanted, key=lambda source: wanted[source].name != source.name):
        for target in _candidates(source, wanted[source], places[source][1]):
            names = [_key(target), *([_key(_comparison(target))] if compare else [])]
            taken = [claimed[name] for name in names if name in claimed]
            if not taken:
                break
        claimed |= dict.fromkeys(names, source)
        other = claimed.get(_key(wanted[source]), source)
        note = "" if target == wanted[source] else f"becomes {target}, beside that of {other}"
        jobs[source] = Job(source, target, note)
    return [jobs[source] for source in places]


def _candidates(source: Path, target: Path, of: Path) -> Iterator[Path]:
    """Names to choose from: x.png; of x.bmp, x.bmp.png; of the folder B, x-B.png; x-2.png, ..."""
    yield target
    if source.suffix and source.suffix != target.suffix:
        yield target.with_name(f"{source.name}{target.suffix}")
    yield target.with_name(f"{target.stem}-{of.resolve().name}{target.suffix}")
    number = 2
    while True:
        yield target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1


def _key(path: Path) -> str:
    """One for all names that some file system takes for the same."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _is_below(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def _suffix(source: Path, kind: str | None) -> str:
    """The photo's own where it is of the format wanted; PNG for what is read but not written.
    Where it has none, that of its content.
    """
    own = SUFFIX_KINDS.get(source.suffix.lower())
    if own is not None and kind in (None, own):
        return source.suffix
    if kind is None and not source.suffix:
        kind = (format_of(source) or "PNG").replace("MPO", "JPEG")
    return KIND_SUFFIXES.get(kind or "PNG", ".png")


def settle(jobs: list[Job], work: BatchOptions) -> tuple[list[JobResult], list[Job]]:
    """Those that are over before anything is computed (done already, or no photo), and the rest."""
    settled, rest = [], []
    for job in jobs:
        try:
            if _is_done(job, work):
                settled.append(JobResult(job, JobState.SKIPPED))
                continue
            if not job.source.exists():
                dead = job.source.is_symlink()
                raise BadImageError("a link to no file" if dead else "no such file")
            if not is_image_file(job.source):
                raise BadImageError(f"not an image file ({', '.join(sorted(SUFFIXES))})")
            rest.append(job)
        except (GanColorError, OSError) as error:
            settled.append(JobResult(job, JobState.FAILED, str(error)))
    return settled, rest


def _is_done(job: Job, work: BatchOptions) -> bool:
    outputs = [job.target, *([job.comparison] if work.compare else [])]
    there = [path for path in outputs if path.exists() and job.source.exists()]
    for path in there:
        if path.samefile(job.source):
            raise GanColorError(f"output: {path} is the input itself, expected another place")
    if work.overwrite or not there:
        return False
    made = _made_from(record(job.source, work))
    photo = sha256(job.source)[:DIGITS]
    for path in there:
        found = _made_from(_software(path))
        if found is None or found[1] != photo:
            raise GanColorError(
                f"output: {path} is there already, and does not say that it was made from this "
                "photo: choose another --output, or replace it with --overwrite"
            )
    return len(there) == len(outputs) and all(_made_from(_software(p)) == made for p in there)


def record(source: Path, work: BatchOptions) -> str:
    """What is written into a colorized file: model, photo, and the options that are not default."""
    if not work.provenance:
        return ""
    chosen = [
        (each.name, getattr(part, each.name))
        for part, names in ((work.options, None), (work, ("smooth", "quality")))
        for each in fields(part)
        if (names is None or each.name in names) and getattr(part, each.name) != each.default
    ]
    options = ", ".join(f"{name} {_short(value)}" for name, value in chosen)
    said = f"{work.provenance} from photo {sha256(source)[:DIGITS]}"
    return f"{said} with {options}" if options else said


def _short(value: Any) -> str:
    """A value, or the hash of a long one."""
    if hasattr(value, "vector"):  # a palette, whose text leaves most numbers out
        return hashlib.sha256(value.vector().numpy().tobytes()).hexdigest()[:DIGITS]
    text = str(value)
    return text if len(text) <= 20 else hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _made_from(software: str) -> tuple[str, ...] | None:
    found = RECORD.fullmatch(software)
    return found and found.groups()


def _software(path: Path) -> str:
    """EXIF's Software of a file; empty where it cannot be read."""
    try:
        with damage_as_bad_image(), Image.open(path) as image:
            return str(image.getexif().get(ExifTags.Base.Software, "")).strip("\0 ")
    except (GanColorError, OSError):
        return ""
