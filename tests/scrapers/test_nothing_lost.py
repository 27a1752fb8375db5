"""Files, rows and classes survive every command, finished or killed."""

import hashlib
import io
import os
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from scrapers import manifest, moves
from scrapers.clean.quarantine import undo
from scrapers.clean.run import clean
from scrapers.clean.takedown import remove
from scrapers.errors import ScraperError
from scrapers.export.resize import resize
from scrapers.export.split import assign, groups, split
from scrapers.export.webdataset import pack
from scrapers.files import Journal, folder_lock
from scrapers.manifest import Row
from tests.fakes.image_server import Server
from tests.fakes.photographs import photos, synthetic
from tests.helpers.recipes import recipe, run, url_list


def digests(folder: Path) -> Counter[str]:
    """How often each picture is in a folder, wherever it lies."""
    paths = (p for p in folder.rglob("*") if p.suffix in (".jpg", ".png") and p.is_file())
    return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)


def plain(folder: Path, names: list[str], first: int = 0) -> Path:
    """A folder of different pictures of these names."""
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(synthetic(first + i, 200, 160))
    return folder


def collected(tmp_path: Path, count: int = 12) -> Path:
    """A dataset with license, author and URL of every picture."""
    with Server(photos(count)) as server:
        source = url_list(tmp_path, [server.url(path) for path in server.photos])
        run(recipe(source), tmp_path / "set")
    return tmp_path / "set"


@pytest.mark.parametrize("again", [False, True])
def test_files_of_one_name_in_several_folders_all_survive_a_split(tmp_path, again):
    names = [f"{part}/{i:04d}.jpg" for part in ("train", "val", "test") for i in range(6)]
    folder = plain(tmp_path / "set", names)
    before = digests(folder)
    clean(folder)
    for _ in range(1 + again):
        split(folder, 0.2, 0.2)
    assert digests(folder) == before
    rows = manifest.read(folder)
    assert len({row.file for row in rows}) == len(names)
    assert all((folder / row.file).is_file() for row in rows)


def test_nothing_is_moved_over_another_file(tmp_path):
    folder = plain(tmp_path / "set", ["a.jpg"])
    clean(folder)
    (folder / "images" / "train").mkdir(parents=True)
    (folder / "images" / "train" / "a.jpg").write_bytes(b"mine")
    rows = manifest.read(folder)
    moves.move(folder, rows, [(rows[0], "images/train/a.jpg")])
    assert rows[0].file == "images/train/a-2.jpg"
    assert (folder / "images" / "train" / "a.jpg").read_bytes() == b"mine"
    assert [row.file for row in manifest.read(folder)] == ["images/train/a-2.jpg"]


def test_captions_go_where_their_picture_goes(tmp_path):
    folder = plain(tmp_path / "set", ["a.jpg", "b.jpg", "c.jpg", "manifest.jpg"])
    (folder / "a.txt").write_text("a dog")
    clean(folder)
    split(folder, 0.4)
    rows = {row.id: row.file for row in manifest.read(folder)}
    assert (folder / rows["a.jpg"]).with_suffix(".txt").read_text() == "a dog"


class Killed(BaseException):
    """As a kill: nothing catches it."""


@pytest.mark.parametrize("moved", [0, 1, 5, 11, 12])
@pytest.mark.parametrize("then", ["clean", "split", "collect", "resize"])
def test_a_killed_split_loses_no_license(tmp_path, monkeypatch, moved, then):
    folder = collected(tmp_path)
    before, rename, count = digests(folder), Path.rename, iter(range(moved))

    def stop(path: Path, target: Path) -> Path:
        if path.suffix == ".jpg" and next(count, None) is None:
            raise Killed
        return rename(path, target)

    def stop_at_the_end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stop)
        if moved == 12:
            patch.setattr(manifest, "write", stop_at_the_end)
        with pytest.raises(Killed):
            split(folder, 0.3)
    if then == "clean":
        clean(folder)
    elif then == "split":
        split(folder, 0.3)
    elif then == "resize":
        resize(folder, tmp_path / "small", 64)
    else:
        assert run(recipe(url_list(tmp_path, [])), folder).errors == {}
    rows = manifest.read(folder)
    assert digests(folder) == before
    assert {(row.license, row.url != "") for row in rows} == {("cc0", True)}
    assert all((folder / row.file).is_file() for row in rows)
    assert len(rows) == 12


def test_a_missing_file_stops_a_split_before_anything_moves(tmp_path):
    folder = collected(tmp_path, 4)
    first = manifest.read(folder)[0]
    body = (folder / first.file).read_bytes()
    (folder / first.file).unlink()
    before = sorted(path for path in folder.rglob("*.jpg"))
    with pytest.raises(ScraperError, match="is missing; nothing was moved"):
        split(folder, 0.4)
    assert sorted(path for path in folder.rglob("*.jpg")) == before
    assert clean(folder)["keep"] == 3
    # Its row waits for it, under whatever name it comes back.
    (folder / "images" / "found.jpg").write_bytes(body)
    clean(folder)
    row = next(row for row in manifest.read(folder) if row.id == first.id)
    assert (row.file, row.license, row.url) == ("images/found.jpg", "cc0", first.url)


def test_files_moved_by_hand_keep_their_rows(tmp_path):
    folder = collected(tmp_path, 4)
    (folder / "images").rename(folder / "pictures")
    clean(folder)
    assert {(row.license, row.file[:9]) for row in manifest.read(folder)} == {("cc0", "pictures/")}


def test_collecting_leaves_files_of_others_where_they_are(tmp_path):
    folder = tmp_path / "set"
    plain(folder / "images", ["mine.jpg", "deep/er.jpg"], first=50)
    before = digests(folder / "images")
    with Server(photos(2)) as server:
        source = url_list(tmp_path, [server.url(path) for path in server.photos])
        summary = run(recipe(source), folder)
    assert digests(folder / "images") > before
    assert (folder / "images" / "mine.jpg").is_file()
    assert "2 files are not in the manifest" in summary.notes[0]


def test_side_cars_are_no_business_of_clean(tmp_path):
    folder = plain(tmp_path / "set", ["a.jpg", "b.jpg"])
    cars = {"a.txt": "a dog", "labels.csv": "x,y", "README.md": "#", "LICENSE": "MIT", "t.tar": ""}
    for name, text in cars.items():
        (folder / name).write_text(text)
    (folder / "notes.pdf").write_bytes(b"%PDF-1.4")
    assert clean(folder) == {"keep": 2}
    assert {name: (folder / name).read_text() for name in cars} == cars
    assert len(manifest.read(folder)) == 2


def test_a_second_clean_keeps_the_true_originals(tmp_path):
    folder = plain(tmp_path / "set", [f"{i}.jpg" for i in range(3)])
    for path in folder.glob("*.jpg"):
        image = Image.open(path)
        frame = Image.new("RGB", (300, 300), "black")
        frame.paste(image, (50, 70))
        exif = frame.getexif()
        exif[0x0112] = 6
        frame.save(path, exif=exif)
    before = digests(folder)
    clean(folder)
    for path in folder.glob("*.jpg"):  # what a new check, or new rules, would rewrite again
        image = Image.open(path)
        exif = image.getexif()
        exif[0x0112] = 3
        image.save(path, exif=exif)
        break
    for _ in range(2):
        clean(folder)
    undo(folder)
    assert digests(folder) >= before


def test_a_new_picture_of_an_old_name_is_an_original_too(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    wanted = []
    for seed in (1, 2):
        exif = Image.Exif()
        exif[0x0112] = 6
        image = Image.open(io.BytesIO(synthetic(seed, 200, 160)))
        image.convert("RGB").save(folder / "a.png", exif=exif)
        wanted.append(hashlib.sha256((folder / "a.png").read_bytes()).hexdigest())
        clean(folder)
    undo(folder)
    assert set(wanted) <= set(digests(folder))


@pytest.mark.parametrize("size", [1_100_000, 2_000_000, 5_000_000])
def test_a_row_of_megabytes_stays_readable(tmp_path, size):
    folder = plain(tmp_path / "set", ["a.jpg", "b.jpg"])
    clean(folder)
    rows = manifest.read(folder)
    rows[0].title = "x" * size
    manifest.write(folder, rows)
    clean(folder)
    split(folder, 0.4)
    assert {len(row.title) for row in manifest.read(folder)} == {0, size}


@pytest.mark.skipif(os.name != "posix", reason="names are bytes")
def test_a_name_that_is_not_utf_8_stops_nothing(tmp_path):
    folder = plain(tmp_path / "set", ["a.jpg"])
    name = os.fsdecode(b"th\xe9.jpg")
    (folder / name).write_bytes(synthetic(9, 200, 160))
    assert clean(folder) == {"keep": 2}
    split(folder, 0.4)
    assert {Path(row.file).name for row in manifest.read(folder)} == {"a.jpg", name}


def test_classes_stay_as_folders_and_as_a_column(tmp_path):
    names = [f"{label}/{i}.jpg" for label in ("berry", "bird", "a/b") for i in range(4)]
    plain(tmp_path / "own", names)
    source = {"kind": "folder", "path": tmp_path / "own", "license": "own"}
    folder = tmp_path / "set"
    run(recipe(source, licenses=["own"]), folder)
    clean(folder)
    split(folder, 0.3)
    rows = manifest.read(folder)
    assert Counter(row.label for row in rows) == {"berry": 4, "bird": 4, "a/b": 4}
    for row in rows:
        assert row.file.startswith(f"images/{row.split}/{row.label}/")
    clean(folder)
    assert {row.label for row in manifest.read(folder)} == {"berry", "bird", "a/b"}


def test_outputs_hold_one_generation_only(tmp_path):
    folder = collected(tmp_path)
    clean(folder)
    small, shards = tmp_path / "small", tmp_path / "shards"
    for val in (0.3, 0.6):
        split(folder, val)
        resize(folder, small, 128)
        assert digests(small).most_common(1)[0][1] == 1
        assert {p.relative_to(small).as_posix() for p in small.rglob("*.jpg")} == {
            row.file for row in manifest.read(folder)
        }
        pack(small, shards, per_shard=2)
    by_split = Counter(row.split for row in manifest.read(folder))
    assert len(list(shards.glob("*.tar"))) == sum(-(-count // 2) for count in by_split.values())
    resize(folder, small, 64)
    assert {min(Image.open(path).size) for path in small.rglob("*.jpg")} == {64}


def test_outputs_of_others_are_not_written_over(tmp_path):
    folder = collected(tmp_path, 3)
    clean(folder)
    other = plain(tmp_path / "other", ["a.jpg"])
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "train-00007.tar").write_bytes(b"of an earlier version")
    for call in (
        lambda: resize(folder, other, 64),
        lambda: pack(folder, tmp_path / "shards"),
        lambda: resize(folder, folder / "small", 64),
        lambda: pack(folder, tmp_path),
    ):
        with pytest.raises(ScraperError, match="-o: "):
            call()
    assert (tmp_path / "shards" / "train-00007.tar").read_bytes() == b"of an earlier version"


def test_one_author_without_dates_is_split_all_the_same():
    def row(i: int, **more: str) -> Row:
        return Row(
            f"{i}", f"{i}", sha256=f"{i}", phash=f"{i * 0x9E3779B97F4A7C15 % 2**64:016x}", **more
        )

    rows = [row(i, author="Larva Labs") for i in range(40)]
    parts = assign(groups(rows), 0.2, 0.0)
    assert 2 <= parts.count("val") <= 16
    burst = [row(i, author="Ann", taken_at="2020-05-01") for i in range(40)]
    with pytest.raises(ScraperError, match=r"val would be empty: 40 images form 1 group .*Ann on"):
        assign(groups(burst), 0.2, 0.0)
    alike = [
        Row("x", "x", author="Ann", phash="00000000000000ff"),
        Row("y", "y", author="Ann", phash="0000000000000080"),  # 7 bits away
        Row("z", "z", author="Bob", phash="0f0f0f0f00000000"),
        Row("w", "w", author="Cid", phash="0f0f0f7000000000"),
    ]
    x, y, z, w = groups(alike)
    assert x == y
    assert len({x, z, w}) == 3


def test_small_sets_get_one_image_in_every_part():
    for count in range(3, 12):
        parts = assign([f"key {i}" for i in range(count)], 0.01, 0.01)
        assert Counter(parts)["val"] == Counter(parts)["test"] == 1


def test_packing_waits_for_other_commands(tmp_path):
    folder = collected(tmp_path, 3)
    clean(folder)
    for call in (lambda: pack(folder, tmp_path / "t"), lambda: resize(folder, tmp_path / "r", 64)):
        with folder_lock(folder), pytest.raises(ScraperError, match="locked by another command"):
            call()


def test_a_journal_survives_any_text(tmp_path):
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.append({"name": "\udce9", "title": "é"})
    assert list(manifest.read_rows(tmp_path / "j.jsonl")) == [{"name": "\udce9", "title": "é"}]


def test_a_takedown_is_for_good(tmp_path):
    with Server(photos(4)) as server:
        urls = [server.url(path) for path in server.photos]
        made, folder = recipe(url_list(tmp_path, urls)), tmp_path / "set"
        run(made, folder)
        clean(folder)
        rows = manifest.read(folder)
        with pytest.raises(ScraperError, match="nothing was removed"):
            remove(folder, [rows[0].id, "https://a.test/other"])
        assert len(manifest.read(folder)) == 4
        assert remove(folder, [rows[0].id, rows[1].url]) == 2
        assert not (folder / rows[0].file).exists()
        summary = run(made, folder)
        assert summary.rejected["urls"] == {"removed on request": 2}
        # Not under another address either.
        body = next(p.body for path, p in server.photos.items() if rows[0].url.endswith(path))
        server.files["/twin"] = (body, "image/jpeg")
        again = run(recipe(url_list(tmp_path, [server.url("/twin")])), folder)
        assert again.rejected["urls"] == {"removed on request": 1}
    clean(folder)
    assert {row.id for row in manifest.read(folder)} == {rows[2].id, rows[3].id}
    assert rows[0].file not in (folder / "ATTRIBUTION.md").read_text()
