"""Which images train and which validate."""

import os
from pathlib import Path

import pytest
from PIL import Image

from gan_color.config.schema import Config, parse
from gan_color.data.prepare import find_data, report_data
from gan_color.errors import GanColorError
from tests.helpers.runs import tiny_mapping


def photographs(folder: Path, count: int, gray: int = 0) -> Path:
    folder.mkdir()
    for i in range(count):
        Image.new("RGB", (40, 40), (200, 3 * i, 20)).save(folder / f"{i}.png")
    for i in range(gray):
        Image.new("RGB", (40, 40), (i, i, i)).save(folder / f"gray_{i}.png")
    return folder


def config(folder: Path, place: Path, **data: object) -> Config:
    mapping = tiny_mapping((folder, folder), place)
    mapping["data"] = {"folders": [str(folder)], "num_workers": 0, **data}
    return parse(mapping)


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("fraction", [0.0, 0.001, 1.0])
def test_at_least_one_image_validates_and_one_trains(
    count: int, fraction: float, tmp_path: Path, capsys
):
    folder = photographs(tmp_path / "set", count, gray=20)
    found = find_data(config(folder, tmp_path, val_fraction=fraction))
    few, rest = sorted((found.train, found.val), key=len)
    assert (len(few), len(rest)) == (1, count - 1)
    assert (found.val if fraction < 1 else found.train) == few or count == 2
    assert not {file.digest for file in few} & {file.digest for file in rest}
    said = capsys.readouterr().err
    purpose = "validate on" if fraction < 1 else "train on"
    assert f"val_fraction {fraction:g} of {count} images leaves none to {purpose}" in said
    assert f"{len(found.train)} to train, {len(found.val)} to validate on" in said


def test_the_image_that_validates_depends_on_content_alone(tmp_path: Path):
    folder = photographs(tmp_path / "set", 10)
    first = find_data(config(folder, tmp_path, val_fraction=0)).val[0]
    assert first.digest == min(file.digest for file in find_data(config(folder, tmp_path)).train
                               + find_data(config(folder, tmp_path)).val)  # fmt: skip
    first.path.rename(folder / "renamed.png")
    (folder / "copy.png").write_bytes((folder / "renamed.png").read_bytes())
    found = find_data(config(folder, tmp_path, val_fraction=0))
    assert [file.path.name for file in found.val] == ["copy.png", "renamed.png"]


def test_a_share_that_gives_both_is_left_as_it_is(tmp_path: Path, capsys):
    found = find_data(config(photographs(tmp_path / "set", 40), tmp_path, val_fraction=0.3))
    edge = 0.3 * 2**32
    assert all(int(file.digest[:8], 16) < edge for file in found.val)
    assert all(int(file.digest[:8], 16) >= edge for file in found.train)
    assert len(found.val) > 3
    assert "leaves none" not in capsys.readouterr().err


def test_one_photograph_is_refused_with_what_is_needed(tmp_path: Path):
    folder = photographs(tmp_path / "set", 1, gray=3)
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "bad.png").write_text("x")
    message = r"found 2 images of one content \(1 unreadable, 3 gray\); expected at least 2"
    with pytest.raises(GanColorError, match=message):
        find_data(config(folder, tmp_path))
    found = find_data(config(folder, tmp_path, val=[str(folder)]))
    assert (len(found.train), len(found.val)) == (2, 2)


def test_early_stopping_needs_two_images_and_says_so_before_training(tmp_path: Path):
    mapping = config(photographs(tmp_path / "set", 5), tmp_path, val_fraction=0).model_dump()
    mapping["stages"][2]["early_stopping"] = {"eval_every": 12}
    with pytest.raises(
        GanColorError, match=r"stages\.gan\.early_stopping: found 1 image .* at least 2"
    ):
        find_data(parse(mapping))


def test_a_name_that_is_not_utf_8_is_trained_on_and_written_down(tmp_path: Path):
    folder = photographs(tmp_path / "set", 3)
    (folder / "1.png").rename(folder / os.fsdecode(b"\xff.png"))
    (folder / "2.png").rename(folder / os.fsdecode(b"\xfe.png"))
    (folder / os.fsdecode(b"bad_\xff.png")).write_text("x")
    found = find_data(config(folder, tmp_path))
    report_data(found, tmp_path / "run")
    text = (tmp_path / "run" / "manifest.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1 + 3
    assert "\\udcff.png" in text
    assert (tmp_path / "run" / "data.json").read_text(encoding="utf-8")
