"""Files to color: which becomes which, one after the other, errors as values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.encode import SUFFIX_KINDS, save
from gan_color.images.files import SUFFIXES, find_images, format_of, is_image_file
from gan_color.images.open import BadImageError
from gan_color.images.photo import Photo, side_by_side
from gan_color.inference.pipeline import (
    DEFAULTS,
    ChromaModel,
    ColorizeOptions,
    apply_chroma,
    classify_scene,
    predict_chroma,
)
from gan_color.inference.temporal import ChromaSmoother

KIND_SUFFIXES = {kind: suffix for suffix, kind in reversed(SUFFIX_KINDS.items())}


@dataclass(frozen=True)
class Job:
    """One photo to color."""

    source: Path
    target: Path

    @property
    def comparison(self) -> Path:
        """Where before and after go, side by side."""
        return self.target.with_name(f"{self.target.stem}.compare.jpg")


class JobState(Enum):
    """What became of a job."""

    COLORIZED, SKIPPED, FAILED = "colorized", "skipped", "failed"


@dataclass(frozen=True)
class JobResult:
    """A job that is over; `problem` says why one failed, `scenes` what a photo shows."""

    job: Job
    state: JobState = JobState.COLORIZED
    problem: str = ""
    scenes: dict[str, float] = field(default_factory=dict)  # see Colorizer.scenes


@dataclass(frozen=True)
class BatchOptions:
    """How files are treated, beside how they are colorized."""

    options: ColorizeOptions = DEFAULTS
    batch: int = 1  # photos read at a time; those of one shape go through the model together
    smooth: float = 0.0  # for the frames of a video in a folder: see gan_color.inference.temporal
    quality: int | None = None
    provenance: str = ""
    compare: bool = False
    overwrite: bool = False  # else a photo whose output is there is skipped

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise GanColorError(f"batch: found {self.batch}, expected 1 or more")


def is_single(inputs: list[Path], output: Path) -> bool:
    """Whether `output` names the one file that one photo becomes."""
    one = len(inputs) == 1 and not inputs[0].is_dir()
    return one and output.suffix.lower() in SUFFIX_KINDS and not output.is_dir()


def plan_jobs(inputs: list[Path], output: Path, kind: str | None = None) -> list[Job]:
    """Which file becomes which. One photo may name its output file; else `output` is a folder,
    in which the tree of each input folder is repeated. `kind` is the format to write, one of
    gan_color.images.KINDS; None keeps each photo's. Raises GanColorError.
    """
    if is_single(inputs, output):
        if kind is not None and SUFFIX_KINDS[output.suffix.lower()] != kind:
            raise GanColorError(f"format: found {kind} for the output {output.name}")
        return [Job(inputs[0], output)]
    if output.exists() and not output.is_dir():
        raise GanColorError(f"output: {output} is a file, expected a folder for several photos")
    jobs = []
    for source in inputs:
        if source.is_dir():
            # What was colorized before is no input, where the output lies within.
            within = source.resolve() != output.resolve()
            found = [p for p in find_images(source) if not (within and _is_below(p, output))]
            jobs += [Job(path, output / path.relative_to(source)) for path in found]
        else:
            jobs.append(Job(source, output / source.name))
    targets: dict[Path, Path] = {}
    for i, job in enumerate(jobs):
        target = job.target.with_suffix(_suffix(job.source, kind))
        if target in targets:
            raise GanColorError(
                f"output: {targets[target]} and {job.source} would both become {target}; "
                "colorize them into different folders"
            )
        targets[target] = job.source
        jobs[i] = Job(job.source, target)
    return jobs


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


def colorize_jobs(
    model: ChromaModel, jobs: list[Job], work: BatchOptions = BatchOptions()
) -> Iterator[JobResult]:
    """Colorize photo after photo; yields each job once, errors as values."""
    smoother = ChromaSmoother(work.smooth)
    for start in range(0, len(jobs), work.batch):
        opened: list[tuple[Job, Photo]] = []
        for job in jobs[start : start + work.batch]:
            try:
                if _is_done(job, work):
                    yield JobResult(job, JobState.SKIPPED)
                else:
                    opened.append((job, _open(job)))
            except (GanColorError, OSError) as error:
                yield JobResult(job, JobState.FAILED, str(error))
        try:
            chromas = predict_chroma(model, [photo for _, photo in opened], work.options)
        except GanColorError as error:
            yield from (JobResult(job, JobState.FAILED, str(error)) for job, _ in opened)
            continue
        for (job, photo), chroma in zip(opened, chromas, strict=True):
            try:
                steady = smoother(chroma, video=job.source.parent)
                colorized = apply_chroma(photo, steady, work.options, model.device)
                if work.compare:
                    save(side_by_side([photo, colorized]), job.comparison, note=work.provenance)
                save(colorized, job.target, work.quality, work.provenance)
                yield JobResult(job, scenes=classify_scene(model, chroma))
            except (GanColorError, OSError) as error:
                yield JobResult(job, JobState.FAILED, str(error))


def _is_done(job: Job, work: BatchOptions) -> bool:
    if not job.target.exists():
        return False
    if job.source.exists() and job.target.samefile(job.source):
        raise GanColorError(f"output: {job.target} is the input itself, expected another place")
    return not work.overwrite


def _open(job: Job) -> Photo:
    if not job.source.exists():
        raise BadImageError("no such file")
    if not is_image_file(job.source):
        raise BadImageError(f"not an image file ({', '.join(sorted(SUFFIXES))})")
    return read(job.source)
