"""No photo is lost to another one, and what is skipped is what was asked for."""

import errno
import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_color.errors import GanColorError
from gan_color.images.encode import KINDS
from gan_color.inference import batch as batches
from gan_color.inference.batch import colorize_jobs
from gan_color.inference.jobs import BatchOptions, JobState, plan_jobs
from gan_color.inference.options import ColorizeOptions
from tests.helpers.tint import Tint

MADE = "colorized by gan_color 0.1.0 (test.safetensors, sha256 0123456789ab)"


def album(folder: Path, *names: str) -> Path:
    """Photos that differ, one a name."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:].lower(), path.suffix[1:].upper())
        Image.new("L", (16, 12), 40 + 30 * i).save(path, kind)
    return folder


def run(inputs: list[Path], out: Path, **chosen) -> list[tuple[str, JobState, str]]:
    work = BatchOptions(**{"provenance": MADE, **chosen})
    jobs = plan_jobs(inputs, out, compare=work.compare)
    results = list(colorize_jobs(Tint(), jobs, work))
    return [(r.job.source.name, r.state, r.problem) for r in results]


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("compare", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "a.bmp"),
        ("a.bmp", "a.gif", "a.ppm"),
        ("a.jpg", "a.png", "a.tif"),
        ("a.png", "a.compare.jpg"),
        ("a.png", "A.png", "\u00e9.png", "e\u0301.png"),
        ("a.bmp.png", "a.png", "a.bmp", "a-album.png"),
    ],
)
def test_every_photo_of_an_album_survives(names: tuple[str, ...], compare: bool, tmp_path: Path):
    source, out = album(tmp_path / "album", *names), tmp_path / "out"
    found = run([source], out, compare=compare)
    assert [state for _, state, _ in found] == [JobState.COLORIZED] * len(names)
    written = files(out)
    assert len(written) == len(names) * (2 if compare else 1)
    assert len({name.casefold() for name in written}) == len(written)
    jobs = plan_jobs([source], out, compare=compare)
    for job in jobs:  # each from its own photo
        before, after = (np.asarray(Image.open(p).convert("L")) for p in (job.source, job.target))
        assert abs(before.mean() - after.mean()) < 3
        assert all(word in job.note for word in ("becomes",)) or job.target.stem == job.source.stem
    assert any(job.target.name == job.source.name for job in jobs) or "a.bmp" in names
    again = run([source], out, compare=compare)
    assert [state for _, state, _ in again] == [JobState.SKIPPED] * len(names)


def test_two_folders_into_one(tmp_path: Path):
    one, two = album(tmp_path / "A", "x/1.jpg", "2.jpg"), album(tmp_path / "B", "3.jpg", "x/1.jpg")
    assert {s for _, s, _ in run([one, two], tmp_path / "both")} == {JobState.COLORIZED}
    assert files(tmp_path / "both") == ["2.jpg", "3.jpg", "x/1-B.jpg", "x/1.jpg"]
    singles = [one / "x/1.jpg", two / "x/1.jpg", one / "x/1.jpg"]
    assert len(run(singles, tmp_path / "three")) == 2  # the same photo twice is once
    assert files(tmp_path / "three") == ["1-x.jpg", "1.jpg"]


def test_only_what_was_made_from_this_photo_like_this_is_skipped(tmp_path: Path):
    one, two, out = album(tmp_path / "A", "1.png"), album(tmp_path / "B", "0.png", "1.png"), (
        tmp_path / "out"
    )  # fmt: skip
    run([one / "1.png"], out)
    first = (out / "1.png").read_bytes()
    ((_, state, problem),) = run([two / "1.png"], out)
    assert state is JobState.FAILED
    assert "is there already" in problem
    assert "--overwrite" in problem
    assert (out / "1.png").read_bytes() == first
    assert run([one / "1.png"], out)[0][1] is JobState.SKIPPED
    for chosen in (
        {"options": ColorizeOptions(saturation=1.3)},
        {"options": ColorizeOptions(render=64)},
        {"options": ColorizeOptions(tta_sizes=(64, 96, 128, 160, 192))},
        {"options": ColorizeOptions(tta_sizes=(64, 96, 128, 160, 224))},
        {"smooth": 0.5},
        {"quality": 50},
        {"provenance": MADE.replace("0123", "4567")},
        {"compare": True},
    ):
        assert run([one / "1.png"], out, **chosen)[0][1] is JobState.COLORIZED, chosen
        assert run([one / "1.png"], out, **chosen)[0][1] is JobState.SKIPPED, chosen
    later = MADE.replace("0.1.0", "0.2.0")
    assert run([one / "1.png"], out, compare=True, quality=None, provenance=later)
    assert run([two / "1.png"], out, overwrite=True)[0][1] is JobState.COLORIZED
    (out / "1.png").write_bytes(b"a person's own")
    assert run([one / "1.png"], out)[0][1] is JobState.FAILED
    assert (out / "1.png").read_bytes() == b"a person's own"


def test_a_named_output_that_is_another_photo_stays(tmp_path: Path):
    photos = album(tmp_path / "A", "1.png", "2.png")
    mine = (photos / "2.png").read_bytes()
    ((_, state, problem),) = run([photos / "1.png"], photos / "2.png")
    assert (state, "--overwrite" in problem) == (JobState.FAILED, True)
    assert (photos / "2.png").read_bytes() == mine


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_says_what_it_was_made_from(kind: str, tmp_path: Path):
    photo, out = album(tmp_path, "1.png") / "1.png", tmp_path / "out"
    jobs = plan_jobs([photo], out, kind)
    work = BatchOptions(provenance=MADE)
    found = [next(iter(colorize_jobs(Tint(), jobs, work))).state for _ in range(2)]
    assert found == [JobState.COLORIZED, JobState.SKIPPED]


def test_without_provenance_nothing_says_so_and_nothing_is_replaced(tmp_path: Path):
    photo = album(tmp_path, "1.png") / "1.png"
    assert run([photo], tmp_path / "out", provenance="")[0][1] is JobState.COLORIZED
    assert run([photo], tmp_path / "out", provenance="")[0][1] is JobState.FAILED


class Small(Tint):
    """On a device that holds one photo."""

    def predict_ab(self, L, hints=None):
        self.seen.append(L)
        if len(L) > 1 or L.shape[-1] > 100:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 4 GB")
        return self.ab.detach().expand(len(L), 2, *L.shape[-2:])


def test_memory_that_does_not_suffice_costs_one_photo(tmp_path: Path):
    source = album(tmp_path / "A", "1.png", "2.png", "4.png")
    Image.new("L", (200, 200)).save(source / "3.png")
    jobs = plan_jobs([source], tmp_path / "out")
    found = {r.job.source.name: r for r in colorize_jobs(Small(), jobs, BatchOptions(batch=4))}
    assert found["3.png"].state is JobState.FAILED
    assert "200 x 200 pixels x 1 photos do not fit into the memory" in found["3.png"].problem
    assert {r.state for name, r in found.items() if name != "3.png"} == {JobState.COLORIZED}


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_full_disk_ends_the_run_at_once(when: str, tmp_path: Path, monkeypatch):
    source, model = album(tmp_path / "A", "1.png", "2.png", "3.png"), Tint()
    if when == "before":
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3))
    else:

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(batches, "save", full)
    with pytest.raises(GanColorError, match=r"No space left on device for .*; make room"):
        list(colorize_jobs(model, plan_jobs([source], tmp_path / "out"), BatchOptions()))
    assert len(model.seen) == (when == "while")
    assert files(tmp_path / "out") == []


def test_colors_that_are_no_numbers_are_no_picture(tmp_path: Path):
    source = album(tmp_path / "A", "1.png")
    jobs = plan_jobs([source], tmp_path / "out")
    (result,) = colorize_jobs(Tint(float("nan"), 0.1), jobs, BatchOptions())
    assert "no finite numbers" in result.problem
    assert files(tmp_path / "out") == []


def test_formats_by_any_of_their_names(tmp_path: Path):
    photo = album(tmp_path, "1.png") / "1.png"
    names = {"jpg": ".jpg", "JPEG": ".jpg", "tif": ".tif", "tiff": ".tif", "heic": ".heic",
             "heif": ".heic", ".png": ".png", "webp": ".webp", "avif": ".avif"}  # fmt: skip
    for name, suffix in names.items():
        (job,) = plan_jobs([photo], tmp_path / "out", name)
        assert job.target.suffix == suffix, name
    for name, single in itertools.product(("bmp", "gif", "xyz", ""), (False, True)):
        if name:
            with pytest.raises(GanColorError, match=f"format: found '{name}', expected one of jpg"):
                plan_jobs([photo], tmp_path / ("o.png" if single else "out"), name)
