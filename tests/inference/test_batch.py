"""Folders, and the frames of videos in them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_color.errors import GanColorError
from gan_color.inference.batch import colorize_jobs
from gan_color.inference.jobs import BatchOptions, Job, JobState, plan_jobs
from gan_color.inference.pipeline import Chroma
from gan_color.inference.temporal import ChromaSmoother
from tests.helpers.image_files import spoil
from tests.helpers.tint import Tint

MADE = "colorized by gan_color 0.1.0 (test.safetensors, sha256 0123456789ab)"


def states(jobs: list[Job], work: BatchOptions | None = None, model: Tint | None = None) -> dict:
    results = colorize_jobs(model or Tint(), jobs, work or BatchOptions())
    return {r.job.source.name: (r.state, r.problem) for r in results}


def test_the_input_is_never_overwritten(tmp_path: Path, coffee: Image.Image):
    path = tmp_path / "x.png"
    coffee.save(path)
    before = path.read_bytes()
    for work in (BatchOptions(), BatchOptions(overwrite=True)):
        state, problem = states(plan_jobs([path], tmp_path), work)["x.png"]
        assert state is JobState.FAILED
        assert "is the input itself" in problem
    assert path.read_bytes() == before


@pytest.mark.parametrize("batch", [1, 3])
def test_bad_photos_are_reported_and_the_rest_done(batch, tmp_path: Path, coffee: Image.Image):
    album, out = tmp_path / "album", tmp_path / "out"
    (album / "sub").mkdir(parents=True)
    coffee.resize((40, 30)).save(album / "sub" / "good.png")
    coffee.resize((30, 40)).save(album / "upright.png")
    coffee.resize((40, 30)).save(album / "sub" / "twin.png")
    (album / "bad.jpg").write_text("no photo")
    whole = (album / "sub" / "good.png").read_bytes()
    (album / "cut.png").write_bytes(whole[: len(whole) // 2])
    jobs = plan_jobs([album, tmp_path / "missing.jpg"], out)
    found = states(jobs, BatchOptions(batch=batch))
    good = {"sub/good.png", "sub/twin.png", "upright.png"}
    assert {name for name, (state, _) in found.items() if state is JobState.FAILED} == {
        "bad.jpg",
        "cut.png",
        "missing.jpg",
    }
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == good


def test_what_is_there_is_skipped_and_outputs_are_no_inputs(tmp_path: Path, coffee: Image.Image):
    coffee.resize((40, 30)).save(tmp_path / "x.png")
    out, work = tmp_path / "colorized", BatchOptions(provenance=MADE)
    assert states(plan_jobs([tmp_path], out), work)["x.png"][0] is JobState.COLORIZED
    written = (out / "x.png").stat().st_mtime_ns
    assert plan_jobs([tmp_path], out) == [Job(tmp_path / "x.png", out / "x.png")]
    assert states(plan_jobs([tmp_path], out), work)["x.png"][0] is JobState.SKIPPED
    assert (out / "x.png").stat().st_mtime_ns == written
    again = states(plan_jobs([tmp_path], out), BatchOptions(overwrite=True))
    assert again["x.png"][0] is JobState.COLORIZED


def test_jobs_follow_files_folders_and_formats(tmp_path: Path):
    album = tmp_path / "a"
    album.mkdir()
    for name in ("x.JPEG", "y.gif"):
        Image.new("RGB", (4, 4)).save(album / name)
    single, out = album / "x.JPEG", tmp_path / "o"
    assert plan_jobs([single], tmp_path / "o.png") == [Job(single, tmp_path / "o.png")]
    assert plan_jobs([single], out) == [Job(single, out / "x.JPEG")]
    for kind, names in ((None, ["x.JPEG", "y.png"]), ("JPEG", ["x.JPEG", "y.jpg"])):
        assert [j.target.name for j in plan_jobs([album], out, kind)] == names
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(GanColorError, match="is a file, expected a folder"):
        plan_jobs([single, single], tmp_path / "file.txt")
    with pytest.raises(GanColorError, match=r"format: found JPEG for the output o\.png"):
        plan_jobs([single], tmp_path / "o.png", "JPEG")


def test_compare_puts_before_and_after_side_by_side(tmp_path: Path, coffee: Image.Image):
    coffee.resize((40, 30)).convert("L").save(tmp_path / "x.png")
    out = tmp_path / "o"
    states(plan_jobs([tmp_path / "x.png"], out), BatchOptions(compare=True, provenance="by a test"))
    sheet = Image.open(out / "x.compare.jpg")
    assert sheet.size == (80, 30)
    chroma = np.ptp(np.asarray(sheet).astype(int), axis=2)
    assert chroma[:, :38].max() <= 3 < 20 < chroma[:, 42:].max()
    assert "by a test" in Image.open(out / "x.png").getexif()[0x0131]


class Flicker(Tint):
    """Another chroma at every call."""

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        self.seen.append(L)
        return self.ab.expand(len(L), 2, *L.shape[-2:]) * (-1) ** len(self.seen)


def test_frames_of_a_still_scene_flicker_less(tmp_path: Path):
    """The spread of a pixel over frames, before and after."""
    spreads = []
    for smooth in (0.0, 0.8):
        folder, out = tmp_path / "clip", tmp_path / str(smooth)
        folder.mkdir(exist_ok=True)
        for i in range(4):
            Image.new("L", (40, 40), 128).save(folder / f"{i}.png")
        states(plan_jobs([folder], out), BatchOptions(smooth=smooth), Flicker())
        frames = [np.asarray(Image.open(p)).astype(int) for p in sorted(out.iterdir())]
        spreads.append(np.ptp(np.stack(frames), axis=0).mean())
    assert spreads[1] < 0.7 * spreads[0]


def test_smoothing_stops_at_cuts_and_motion_and_between_videos():
    def frame(level: float, ab: float) -> Chroma:
        return Chroma(torch.full((2, 8, 8), float(ab)), torch.full((1, 8, 8), float(level)))

    smoother = ChromaSmoother(0.5)
    assert smoother(frame(0, 0)).ab.mean() == 0
    assert smoother(frame(0, 0.4)).ab.mean() == pytest.approx(0.2)
    cut = frame(0.9, 0.4)
    cut.L[:, :4] = 0  # by chance as light as before, and yet another scene
    assert smoother(cut).ab.mean() == pytest.approx(0.4)
    assert smoother(frame(0.9, 0.4)).ab.mean() == pytest.approx(0.4)
    assert smoother(frame(0.9, 0.0), video="other").ab.mean() == 0
    moving = frame(0.9, 0.4)
    moving.L[:, :, 4:] += 0.15
    mixed = smoother(moving, video="other").ab[0, 0]
    assert mixed[0] == pytest.approx(0.2)
    assert mixed[7] == pytest.approx(0.4, abs=1e-4)
    with pytest.raises(GanColorError, match="smooth: found 1"):
        ChromaSmoother(1)


def test_photos_keep_the_format_of_their_content_where_no_suffix_says_it(
    tmp_path: Path, coffee: Image.Image
):
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    small = coffee.resize((40, 30))
    for name, kind in (("a.jfif", "JPEG"), ("b.JPE", "JPEG"), ("c", "JPEG"), ("d", "BMP")):
        small.save(album / name, kind)
    (album / "README").write_text("no image")
    bad = spoil(album)
    found = states(plan_jobs([album], out))
    assert sorted(name for name, (state, _) in found.items() if state is JobState.FAILED) == bad
    assert sorted(path.name for path in out.iterdir()) == ["a.jfif", "b.JPE", "c.jpg", "d.png"]
    assert Image.open(out / "b.JPE").format == "JPEG"
    alone = plan_jobs([album / "c"], tmp_path / "c.png")
    assert states(alone)["c"][0] is JobState.COLORIZED
    assert states(plan_jobs([album / "README"], out))["README"][1].startswith("not an image file")
