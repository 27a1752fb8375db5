"""From a collected folder to what the trainer reads."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_color.config.data import DataConfig, FolderConfig
from gan_color.data.index import ScanCache, scan
from gan_color.errors import GanColorError
from gan_color.images.files import find_images
from gan_color.images.open import read_rgb
from scrapers import manifest
from scrapers.clean.run import clean
from scrapers.cli import main
from scrapers.errors import ScraperError
from scrapers.export.resize import resize
from scrapers.export.split import groups, split
from scrapers.export.webdataset import pack
from scrapers.files import atomic, write_text
from scrapers.manifest import Row
from tests.fakes.photographs import synthetic
from tests.helpers.recipes import recipe, run

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def dataset(tmp_path) -> Path:
    own = tmp_path / "own"
    own.mkdir()
    for i in range(12):
        (own / f"{i}.v{i}.jpg").write_bytes(synthetic(i, 200, 160))
    Image.fromarray(np.full((160, 200, 3), 90, np.uint8)).save(own / "gray.png")
    source = {"kind": "folder", "path": own, "license": "own", "author": ""}
    run(recipe(source, licenses=["own"]), tmp_path / "set")
    clean(tmp_path / "set")
    return tmp_path / "set"


def test_quarantined_images_are_not_trained_on(dataset):
    assert len(find_images(dataset)) == 12
    (
        dataset / "manifest.jsonl"
    ).unlink()  # without it, `quarantine` is a class folder like any other
    assert len(find_images(dataset)) == 13


def test_a_split_moves_files_and_is_deterministic(dataset):
    first = split(dataset, val=0.3, test=0.2)
    rows = manifest.read(dataset)
    assert first.total() == 12
    assert {row.file: (dataset / row.file).exists() for row in rows}
    assert {Path(row.file).parts[1] for row in rows if row.verdict == "keep"} == set(first)
    where = {row.id: row.file for row in rows}
    assert split(dataset, val=0.3, test=0.2) == first
    assert {row.id: row.file for row in manifest.read(dataset)} == where
    # A killed run: moved, but the manifest has the old path.
    moved = [row for row in rows if row.verdict == "keep"]
    for row in moved:
        row.file = f"images/{Path(row.file).name}"
    manifest.write(dataset, rows)
    split(dataset, val=0.3, test=0.2)
    assert {row.id: row.file for row in manifest.read(dataset)} == where
    with pytest.raises(ScraperError, match="leave some images for training"):
        split(dataset, val=0.6, test=0.5)


def test_bursts_and_duplicates_form_groups():
    rows = [
        Row("a", "a", sha256="1", author="Ann", taken_at="2020-05-01 10:00"),
        Row("b", "b", sha256="2", author="Ann", taken_at="2020-05-01 18:00"),
        Row("c", "c", sha256="3", author="Ann", taken_at="2021-01-01"),
        Row("d", "d", sha256="4", phash="00000000000000ff"),
        Row("e", "e", sha256="5", phash="00000000000000fe"),
        Row("f", "f", sha256="6", phash="f0f0f0f0f0f0f0f0"),
        Row("g", "g", sha256="3"),
    ]
    a, b, c, d, e, f, g = groups(rows)
    assert a == b
    assert c == g
    assert d == e
    assert len({a, c, d, f}) == 4


def test_resizing_never_upscales_and_resumes(dataset, tmp_path):
    output = tmp_path / "small"
    assert resize(dataset, output, 80) == 12
    sizes = {Image.open(output / row.file).size for row in manifest.read(output)}
    assert sizes == {(100, 80)}
    assert resize(dataset, output, 80) == 0
    resize(dataset, tmp_path / "same", 4000)
    one = manifest.read(dataset)[0].file
    assert (tmp_path / "same" / one).read_bytes() == (dataset / one).read_bytes()
    assert "own" in (output / "ATTRIBUTION.md").read_text()


def test_tars_are_deterministic_and_readable_by_the_trainer(dataset, tmp_path):
    assert pack(dataset, tmp_path / "tars", per_shard=5) == 3
    pack(dataset, tmp_path / "again", per_shard=5)
    for path in (tmp_path / "tars").glob("*.tar"):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    with tarfile.open(tmp_path / "tars" / "train-00000.tar") as tar:
        names = tar.getnames()
        assert len(names) == 10
        assert {name.count(".") for name in names} == {1}
        row = json.load(tar.extractfile(names[1]))
    assert (row["license"], Path(names[1]).suffix) == ("own", ".json")
    folders = (FolderConfig(path=tmp_path / "tars"),)
    index = scan(folders, DataConfig(folders=folders), ScanCache(tmp_path / "cache.jsonl"))
    assert (len(index.files), index.bad, index.classes) == (12, [], [])
    pixels = {read_rgb(file.path).tobytes() for file in index.files}
    assert pixels == {read_rgb(path).tobytes() for path in find_images(dataset)}
    with pytest.raises(GanColorError, match="is not in"):
        read_rgb(tmp_path / "tars" / "train-00000.tar" / "no.jpg")


def test_a_broken_tar_is_a_user_error(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"no tar" * 1000)
    with pytest.raises(GanColorError, match="cannot read the tar"):
        find_images(tmp_path, shards=True)


def test_the_commands_end_to_end(dataset, tmp_path, capsys):
    place = str(dataset)
    assert main(["clean", place, "--rules", str(REPOSITORY / "datasets" / "clean.yml")]) == 0
    assert main(["split", place, "--val", "0.3"]) == 0
    assert main(["resize", place, "--short-side", "64"]) == 0
    assert main(["pack", f"{place}_64"]) == 0
    assert list(Path(f"{place}_64_shards").glob("*.tar"))
    assert main(["clean", place, "--undo"]) == 0
    assert main(["clean", str(tmp_path / "nowhere")]) == 2
    assert main(["pack", str(tmp_path / "own")]) == 2
    assert "has no manifest: run `collect` or `clean` first" in capsys.readouterr().err


def test_images_are_opened_and_files_renamed_in_one_place():
    sources = {path.name: path.read_text() for path in (REPOSITORY / "scrapers").rglob("*.py")}
    for text, owner in (
        ("Image.open(", "images.py"),
        ('.part"', "files.py"),
        ("hashlib", "files.py"),
    ):
        assert [name for name, source in sources.items() if text in source] == [owner]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(OSError, match="disk full"), atomic(path) as partial:  # noqa: PT012
        partial.write_text("new")
        raise OSError("disk full")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"x.txt": "old"}


def test_what_cannot_be_read_or_made_is_one_line_and_leaves_nothing(dataset, tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "album").mkdir()
    write_text(tmp_path / "album" / "a.jpg", "no manifest")

    def there() -> list[Path]:
        return sorted(path for path in tmp_path.rglob("*") if path.name != ".lock")

    before = there()

    def refused(*arguments: object) -> str:
        capsys.readouterr()
        assert main([str(a) for a in arguments]) == 2
        line = capsys.readouterr().err.replace("\n", " ")
        assert line.startswith("scrapers: ")
        assert there() == before
        return line

    nowhere, file, album = (tmp_path / name for name in ("nowhere", "file", "album"))
    for command in ("split", "clean", "resize", "pack"):
        assert "found no folder" in refused(command, nowhere)
        assert "found no folder" in refused(command, file)
    for option in (["--undo"], ["--keep", "x"], ["--remove", "x"]):
        assert "found no folder" in refused("clean", nowhere, *option)
    for command in ("resize", "pack"):
        assert "has no manifest" in refused(command, album, "-o", tmp_path / "new")
        for output in (dataset, dataset / "new", tmp_path):
            assert "expected a folder that neither is in" in refused(command, dataset, "-o", output)
        for output in (file, file / "new"):
            assert "found a file there or above" in refused(command, dataset, "-o", output)


def test_errors_of_the_disk_are_one_line(dataset, capsys):
    (dataset / ".lock").unlink()
    (dataset / ".lock").mkdir()  # as a place may not be written to: tests may run as root
    assert main(["split", str(dataset)]) == 2
    assert capsys.readouterr().err.endswith(".lock: Is a directory\n")
