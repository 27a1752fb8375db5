"""Colorize files one after the other, errors as values."""

import errno
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gan_color.errors import GanColorError
from gan_color.images.decode import read
from gan_color.images.encode import save
from gan_color.images.photo import Photo, side_by_side
from gan_color.inference.chroma_model import ChromaModel, OutOfMemoryError
from gan_color.inference.jobs import BatchOptions, Job, JobResult, JobState, record, settle
from gan_color.inference.pipeline import (
    Chroma,
    apply_chroma,
    classify_scene,
    predict_chroma,
)
from gan_color.inference.temporal import ChromaSmoother

PLAIN = BatchOptions()
FULL = (errno.ENOSPC, errno.EDQUOT)


def colorize_jobs(
    model: ChromaModel, jobs: list[Job], work: BatchOptions = PLAIN
) -> Iterator[JobResult]:
    """Colorize photo after photo; yields each job once, errors as values.

    Raises GanColorError where a disk is full: every other photo would fail as well.
    """
    smoother = ChromaSmoother(work.smooth)
    for start in range(0, len(jobs), work.batch):
        settled, rest = settle(jobs[start : start + work.batch], work)
        yield from settled
        opened: list[tuple[Job, Photo, list[str]]] = []
        for job in rest:
            notes: list[str] = []
            try:
                with _as_notes(notes, job.source):
                    photo = read(job.source)
                _require_room(job)
                opened.append((job, photo, notes))
            except (GanColorError, OSError) as error:
                yield JobResult(job, JobState.FAILED, _said(error, job), notes=tuple(notes))
        predicted = _predict(model, [photo for _, photo, _ in opened], work)
        for (job, photo, notes), chroma in zip(opened, predicted, strict=True):
            try:
                if isinstance(chroma, GanColorError):
                    raise chroma
                with _as_notes(notes, job.source):
                    _write(model, job, photo, smoother(chroma, video=job.source.parent), work)
                scenes = classify_scene(model, chroma)
                yield JobResult(job, scenes=scenes, notes=tuple(notes))
            except (GanColorError, OSError, MemoryError) as error:
                yield JobResult(job, JobState.FAILED, _said(error, job), notes=tuple(notes))


def _predict(
    model: ChromaModel, photos: list[Photo], work: BatchOptions
) -> Sequence[Chroma | GanColorError]:
    """Chroma for each photo, or why there is none; together if they fit into memory."""
    try:
        return predict_chroma(model, photos, work.options)
    except OutOfMemoryError as error:
        if len(photos) <= 1:
            return [error for _ in photos]
    except GanColorError as error:
        return [error for _ in photos]
    return [each for photo in photos for each in _predict(model, [photo], work)]  # one by one


def _write(model: ChromaModel, job: Job, photo: Photo, chroma: Chroma, work: BatchOptions) -> None:
    colorized = apply_chroma(photo, chroma, work.options, model.device)
    note = record(job.source, work)
    if work.compare:
        save(side_by_side([photo, colorized]), job.comparison, note=note)
    save(colorized, job.target, work.quality, note)


@contextmanager
def _as_notes(notes: list[str], source: Path) -> Iterator[None]:
    """What the block warns of is told with its file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            told = [str(each.message) for each in caught if issubclass(each.category, UserWarning)]
            told = [note.removeprefix(f"{source}: ") for note in told]
            notes += [note for note in dict.fromkeys(told) if note not in notes]


def _require_room(job: Job) -> None:
    """Before seconds of computing: a folder that can be written to, and room for a file as large
    as the photo's own. Raises OSError.
    """
    folder = job.target.parent
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    if shutil.disk_usage(folder).free < job.source.stat().st_size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _said(error: Exception, job: Job) -> str:
    if isinstance(error, OSError) and error.errno in FULL:
        raise GanColorError(
            f"output: {error.strerror} for {job.target}; make room and run this again: what is "
            "done stays"
        ) from None
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or job.target}: {error.strerror}"
    return str(error) or "it does not fit into memory"
