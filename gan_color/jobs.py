"""Files to colour: which becomes which, one after the other, errors as values."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gan_color.data.images import SUFFIXES, BadImageError, find_images
from gan_color.errors import GanColorError
from gan_color.pictures import SUFFIX_KINDS, read, save
from gan_color.pipeline import DEFAULTS, ChromaModel, ColorizeOptions, colorize_picture


@dataclass(frozen=True)
class Job:
    """One photo to colour."""

    source: Path
    target: Path


def plan_jobs(inputs: list[Path], output: Path) -> list[Job]:
    """Which file becomes which. One photo may name its output file; else `output` is a folder,
    in which the tree of each input folder is repeated. Raises GanColorError.
    """
    single = len(inputs) == 1 and not inputs[0].is_dir()
    if single and output.suffix.lower() in SUFFIX_KINDS and not output.is_dir():
        return [Job(inputs[0], output)]
    if output.exists() and not output.is_dir():
        raise GanColorError(f"output: {output} is a file, expected a folder for several photos")
    jobs = []
    for source in inputs:
        if source.is_dir():
            found = find_images(source)
            jobs += [Job(path, output / path.relative_to(source)) for path in found]
        else:
            jobs.append(Job(source, output / source.name))
    targets: dict[Path, Path] = {}
    for i, job in enumerate(jobs):
        target = job.target
        if target.suffix.lower() not in SUFFIX_KINDS:
            target = target.with_suffix(".png")  # a format that is read but not written
        if target in targets:
            raise GanColorError(
                f"output: {targets[target]} and {job.source} would both become {target}; "
                "colour them into different folders"
            )
        targets[target] = job.source
        jobs[i] = Job(job.source, target)
    return jobs


def colorize_file(
    model: ChromaModel, source: Path, target: Path, options: ColorizeOptions = DEFAULTS
) -> None:
    """Colour one file into another; BadImageError or GanColorError, and then nothing is written."""
    if target.exists() and target.samefile(source):
        raise GanColorError(f"output: {target} is the input itself, expected another place")
    save(colorize_picture(model, read(source), options), target)


def colorize_jobs(
    model: ChromaModel, jobs: list[Job], options: ColorizeOptions = DEFAULTS
) -> Iterator[tuple[Job, str | None]]:
    """Colour photo after photo; yields each with None, or with the reason it could not be."""
    for job in jobs:
        try:
            if not job.source.exists():
                raise BadImageError("no such file")
            if job.source.suffix.lower() not in SUFFIXES:
                raise BadImageError(f"not an image file ({', '.join(sorted(SUFFIXES))})")
            colorize_file(model, job.source, job.target, options)
            yield job, None
        except (GanColorError, OSError) as error:
            yield job, str(error)
