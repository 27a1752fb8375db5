"""What Hugging Face's `imagefolder` finds in a split dataset."""

import json
from pathlib import Path

import pyarrow.json
import pytest

from scrapers import manifest
from scrapers.clean import quarantine, takedown
from scrapers.clean.run import clean
from scrapers.errors import ScraperError
from scrapers.export.resize import resize
from scrapers.export.split import split
from scrapers.files import walk
from scrapers.manifest import METADATA, METADATA_COLUMNS, SPLITS
from tests.fakes.photographs import synthetic
from tests.helpers.recipes import recipe, run


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    own = tmp_path / "own"
    for i in range(10):
        folder = own / ("berry" if i % 2 else "über uns/birds")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.jpg").write_bytes(synthetic(i, 120, 100))
    source = {"kind": "folder", "path": own, "license": "by-4.0", "author": 'Ann "A" \u2028 Lee'}
    run(recipe(source, licenses=["by"]), tmp_path / "set")
    return tmp_path / "set"


def load(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What `load_dataset("imagefolder", data_dir=folder / "images")` pairs, by split.

    It reads each metadata.jsonl by pyarrow, takes `file_name` relative to it, and wants a picture
    for each line and a line for each picture.
    """
    found = {}
    for path in sorted((folder / "images").rglob(METADATA)):
        rows = pyarrow.json.read_json(path).to_pylist()
        assert rows == [json.loads(line) for line in path.read_bytes().splitlines()]
        assert {tuple(row) for row in rows} == {METADATA_COLUMNS}
        named = {path.parent / row["file_name"] for row in rows}
        assert len(named) == len(rows)
        assert named == {image for image in walk(path.parent) if image.name != METADATA}
        found[path.parent.name] = rows
    return found


def test_each_split_says_license_credit_source_and_class(dataset: Path, tmp_path: Path):
    assert load(dataset) == {}
    counts = split(dataset, val=0.3, test=0.2)
    found = load(dataset)
    assert {part: len(rows) for part, rows in found.items()} == dict(counts)
    assert set(found) == set(SPLITS)
    by_name = {(row.split, row.file): row for row in manifest.read(dataset)}
    for part, rows in found.items():
        for line in rows:
            row = by_name.pop((part, f"images/{part}/{line['file_name']}"))
            assert line["label"] == row.label != ""
            assert (line["license"], line["license_url"]) == ("by", row.license_url)
            assert line["credit"] == row.attribution != ""
            assert line["source_url"] == row.page != ""
    assert not by_name
    resize(dataset, tmp_path / "small", 64)
    assert load(tmp_path / "small") == found
    resize(dataset, tmp_path / "small", 64)  # again: its own files are no strangers
    assert load(tmp_path / "small") == found


def test_it_stays_true_whatever_is_done_later(dataset: Path, tmp_path: Path):
    split(dataset, val=0.3)
    (first, *_) = [row for row in manifest.read(dataset) if row.split == "train"]
    takedown.remove(dataset, [first.id])
    assert first.file.removeprefix("images/train/") not in {
        line["file_name"] for line in load(dataset)["train"]
    }
    own = tmp_path / "own"
    (own / "berry" / "gray.jpg").write_bytes(synthetic(99, 120, 100))
    source = {"kind": "folder", "path": own, "license": "by-4.0", "author": "Ann"}
    summary = run(recipe(source, licenses=["by"]), dataset)
    assert summary.stored
    assert not summary.notes  # that files in images/ are not in the manifest
    assert len(load(dataset)["train"]) + len(load(dataset)["val"]) == 9  # not before `split`
    split(dataset, val=0.3)
    assert sum(map(len, load(dataset).values())) == 10
    name = manifest.read(dataset)[0].file
    (dataset / name).write_bytes(b"no picture")
    clean(dataset)
    assert sum(map(len, load(dataset).values())) == 9
    quarantine.undo(dataset)
    assert sum(map(len, load(dataset).values())) == 10


@pytest.mark.parametrize(
    "text", ['{"file_name": "a.jpg", "text": "a dog"}\n', "no JSON", "", "[1]\n", "\udcff"]
)
def test_another_metadata_file_is_never_overwritten(dataset: Path, text: str):
    path = dataset / "images" / "train" / METADATA
    path.parent.mkdir()
    data = text.encode(errors="surrogateescape")
    path.write_bytes(data)
    names = [row.file for row in manifest.read(dataset)]
    with pytest.raises(ScraperError, match=r"other columns than `split` writes.*nothing was moved"):
        split(dataset, val=0.3)
    assert [row.file for row in manifest.read(dataset)] == names
    assert all((dataset / name).exists() for name in names)
    clean(dataset)
    assert path.read_bytes() == data


def test_plain_folders_get_none(tmp_path: Path):
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.jpg").write_bytes(synthetic(0, 120, 100))
    clean(tmp_path)
    assert not list(tmp_path.rglob(METADATA))


def test_a_name_that_json_cannot_say_is_left_out():
    rows = [
        manifest.Row(str(i), f"images/val/{name}.jpg", split="val")
        for i, name in enumerate(("a", "b\udcff", "ü"))
    ]
    assert [line["file_name"] for line in manifest.metadata(rows, "val")] == ["a.jpg", "ü.jpg"]
