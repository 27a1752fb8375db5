"""Text that was laid over a picture is told from text that is in it."""

import importlib.util
import random

import cv2
import numpy as np
import pytest
import skimage
from PIL import Image

from benchmarks.scraping.watermarks import PLACES, watermarked
from scrapers import manifest
from scrapers.checks import watermark
from scrapers.checks.inspect_image import inspect_image
from scrapers.checks.rules import Rules
from scrapers.checks.watermark import Line, mark
from scrapers.clean.run import clean
from scrapers.cli import main
from scrapers.errors import BadImageError
from tests.fakes.photographs import synthetic


def line(text, x=300, y=300, length=90, height=20, tilt=0.0, sure=0.95) -> Line:
    """A line of text around (x, y), in a picture of 640 x 640."""
    corners = np.array(((-length, -height), (length, -height), (length, height), (-length, height)))
    cosine, sine = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    turned = corners / 2 @ np.array(((cosine, sine), (-sine, cosine))) + (x, y)
    return Line(text, sure, turned.astype(np.float32))


def sample(name: str) -> np.ndarray:
    return np.asarray(getattr(skimage.data, name)())


@pytest.mark.parametrize(
    "text",
    ["©Album 3486", "(c) Lena K.", "COPYRIGHT 2019", "opyrigh", "All rights res", "shutterstoc",
     "www.photos.ch", "nord-photo.de", "Miller Photography", "DRAFTDRAFT", "iStock"],
)  # fmt: skip
def test_a_text_that_says_that_it_is_a_mark_is_one(text):
    assert mark([line("STOP"), line(text)], 640, 640)
    assert mark([line("STOP"), line(text, sure=0.5)], 640, 640) is None


@pytest.mark.parametrize(
    "text",
    ["STOP", "Qantas Link", "UNION PACIFIC", "SAMSUNG", "LIVESTREAM", "Improving", "PROVIDENCE",
     "CRAFT BEER", "v.o.f. 12.5", "stocks", "photo", "REVIEW",
     "2452836 ONTARIO INC.", "R2-D2", "", "禁止"],
)  # fmt: skip
def test_a_text_of_a_scene_is_none(text):
    assert mark([line(text)], 640, 640) is None
    assert mark([line(text, y=100 + 40 * i) for i in range(4)], 640, 640) is None


def test_a_line_across_the_middle_is_a_mark_if_it_is_slanted_and_long():
    assert mark([line("Anna Miller", 320, 320, 220, 40, -30)], 640, 640)
    assert mark([line("Anna Miller", 320, 320, 220, 40, 0)], 640, 640) is None
    assert mark([line("Anna Miller", 320, 320, 150, 40, -30)], 640, 640) is None
    assert mark([line("Anna Miller", 120, 320, 220, 40, -30)], 640, 640) is None


def test_a_text_that_is_there_again_and_again_is_a_mark():
    rows = [line("Bella Vista", 100, 80 * i) for i in range(5)]
    assert mark(rows, 640, 640)
    assert mark(rows[:4], 640, 640) is None
    slanted = [line("Bella Vista", 100, 150 * i, tilt=30) for i in range(3)]
    assert mark(slanted, 640, 640)
    assert mark(slanted[:2], 640, 640) is None
    sizes = [line("Bella Vista", 100, 80 * i, height=10 * 2**i) for i in range(5)]
    assert mark(sizes, 640, 640) is None


def test_marks_over_photographs_are_found_when_they_are_asked_for(tmp_path):
    """Not each: some are faint, or lie over fine structure."""
    samples = {"chelsea": "SAMPLE", "coffee": "Copyright 2019 A. Miller", "astronaut": "iStock"}
    verdicts = []
    for seed, (name, text) in enumerate(samples.items()):
        Image.fromarray(sample(name)).save(tmp_path / "x.jpg", quality=90)
        assert inspect_image(tmp_path, "x.jpg", Rules(watermarks=True)).verdict == "keep"
        for place in PLACES:
            marked = watermarked(sample(name), text, place, random.Random(seed))
            Image.fromarray(marked).save(tmp_path / "x.jpg", quality=90)
            verdicts.append(inspect_image(tmp_path, "x.jpg", Rules(watermarks=True)).verdict)
            assert inspect_image(tmp_path, "x.jpg", Rules()).verdict == "keep"
    assert verdicts.count("watermark") >= 7
    assert set(verdicts) <= {"watermark", "keep"}


def test_small_text_on_a_large_photograph_is_read(tmp_path):
    rgb = cv2.resize(sample("astronaut"), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    cv2.putText(rgb, "www.nordphoto.de", (760, 1000), 0, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    Image.fromarray(rgb).save(tmp_path / "x.jpg", quality=95)
    rules = Rules(watermarks=True, min_sharpness=0)
    assert inspect_image(tmp_path, "x.jpg", rules).verdict == "watermark"


@pytest.mark.parametrize("readable", watermark.SIDES)
def test_a_text_that_is_read_at_one_size_alone_is_enough(readable, monkeypatch):
    text = [line("www.nordphoto.de")]
    monkeypatch.setattr(watermark, "read", lambda rgb, side: text if side == readable else [])
    found = watermark.watermark_verdict(np.zeros((640, 640, 3), np.uint8))
    assert found is not None
    assert found.name == "watermark"


@pytest.mark.parametrize("error", [BadImageError("corrupt", "cut off"), OSError("gone")])
def test_a_file_that_cannot_be_read_a_second_time_is_corrupt(error, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    (tmp_path / "x.jpg").write_bytes(synthetic(1, 320, 240, 95))
    assert inspect_image(tmp_path, "x.jpg", Rules()).verdict == "keep"
    monkeypatch.setattr("scrapers.checks.inspect_image.read_rgb", fail)
    assert inspect_image(tmp_path, "x.jpg", Rules(watermarks=True)).verdict == "corrupt"


def test_without_its_packages_nothing_is_begun(tmp_path, monkeypatch, capsys):
    (tmp_path / "x.jpg").write_bytes(synthetic(1, 96, 96, 95))
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "rapidocr" else find(name)
    )
    assert main(["clean", str(tmp_path), "--watermarks"]) == 2
    assert "gan-color[watermarks]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.jpg"]


def test_the_command_reads_text_only_if_it_is_told_to(tmp_path, capsys):
    marked = watermarked(sample("chelsea"), "PREVIEW", "corner", random.Random(1))
    Image.fromarray(marked).save(tmp_path / "x.jpg", quality=90)
    for options, expected in ([], "keep"), (["--watermarks"], "watermark"):
        assert main(["clean", str(tmp_path), "--dry-run", *options]) == 0
        capsys.readouterr()
        (row,) = manifest.read(tmp_path)
        assert row.verdict == expected


def test_the_folder_to_compare_with_is_not_read(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(watermark, "watermark_verdict", lambda rgb: read.append(rgb.shape))
    for number, name in enumerate(("own", "other")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(synthetic(number, 320, 240, 95))
    clean(tmp_path / "own", Rules(watermarks=True), dry_run=True, against=tmp_path / "other")
    assert len(read) == 1
