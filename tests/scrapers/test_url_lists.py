"""Sources without an API: published lists, web pages, URL lists."""

import bz2
import gzip
import io
import json
import shutil
import tarfile
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrapers import manifest
from scrapers.clean.run import clean
from scrapers.export.split import split
from scrapers.export.webdataset import pack
from scrapers.recipe import read_recipe
from tests.fakes.image_server import ADDRESS, Server
from tests.fakes.photographs import Photo, synthetic
from tests.helpers.recipes import found, many, recipe, run
from tests.helpers.runs import REPOSITORY

SITE = "https://creativecommons.org"


def yfcc_line(photo: Photo, server: Server, columns: int, marker: str = "0") -> str:
    row = [""] * 23
    row[0], row[1], row[2] = str(photo.number), "1@N00", quote_plus("Zoë & co")
    row[6], row[8] = quote_plus(photo.title), "mountain,snow%2C+ice"
    row[13] = f"http://www.flickr.com/photos/1@N00/{photo.number}/"
    row[14] = server.url(photo.path)
    row[16], row[22] = "http://creativecommons.org/licenses/by/2.0/", marker
    if columns == 24:
        row.insert(3, "display")
    return "\t".join(["0", row[0], "hash", *row[1:]] if columns == 25 else row)


@pytest.mark.parametrize("columns", [23, 24, 25])
@pytest.mark.parametrize("suffix", ["tsv", "gz", "bz2"])
def test_yfcc_streams_every_edition(tmp_path, columns, suffix):
    with Server(many(3)) as server:
        a, b, c = server.photos.values()
        c.title = "Sea"
        lines = [yfcc_line(a, server, columns), yfcc_line(b, server, columns, "1")]
        lines += ['broken "line', yfcc_line(c, server, columns)]
        data = "\n".join(lines).encode()
        path = tmp_path / f"part.{suffix}"
        path.write_bytes({"gz": gzip.compress, "bz2": bz2.compress}.get(suffix, bytes)(data))
        source = {"kind": "yfcc", "files": [path], "keywords": ["alps"]}
        rows, _, error = found(tmp_path / "set", server, source)
    assert (list(rows), error) == (["flickr-0"], "")
    assert rows["flickr-0"].author == "Zoë & co"
    assert rows["flickr-0"].license_version == "2.0"


def test_the_unsplash_dataset_skips_gray_photos(tmp_path):
    photos, colors = tmp_path / "photos.tsv", tmp_path / "colors.tsv"
    with Server(many(2)) as server:
        head = "photo_id\tphoto_url\tphoto_image_url\tphotographer_username\tphoto_description\n"
        photos.write_text(
            head
            + "".join(
                f"id{i}\thttps://unsplash.com/photos/id{i}\t{server.url(f'/img/{i}.jpg')}\tme\tAlps\n"
                for i in range(2)
            )
        )
        colors.write_text(
            "photo_id\tred\tgreen\tblue\tcoverage\nid0\t200\t90\t10\t0.5\nid1\t90\t92\t91\t0.9\n"
        )
        source = {"kind": "unsplash_dataset", "files": [photos], "colors": [colors]}
        rows, rejected, _ = found(tmp_path / "set", server, source, licenses=["unsplash-lite"])
    assert list(rows) == ["unsplash-id0"]
    assert rejected == {"gray (colors.tsv)": 1}


PAGE = """<html><head><title>Lakes</title><meta name="author" content="Ann">
<meta property="og:image" content="/img/1.jpg"></head><body>
<figure><img src="/img/9.jpg" srcset="/img/9.jpg 100w, /img/0.jpg 320w"><figcaption>A <i>lake</i>
</figcaption></figure><img src="http://elsewhere.test/x.jpg"><img src="/img/2.jpg" alt="Two">
<img src="data:image/png;base64,AA"><a rel="license"
href="//creativecommons.org/licenses/by/3.0/deed.en">license</a></body></html>"""


def test_web_pages_yield_images_with_captions_and_license(tmp_path):
    with Server(many(3)) as server:
        server.files["/page"] = (PAGE.encode(), "text/html")
        source = {"kind": "web", "pages": [server.url("/page")], "hosts": [ADDRESS]}
        rows, _, error = found(tmp_path, server, source)
        assert not error
        titles = {row.url.rpartition("/")[2]: row.title for row in rows.values()}
        assert titles == {"0.jpg": "A lake", "1.jpg": "Lakes", "2.jpg": "Two"}
        assert {(r.license, r.license_version, r.author) for r in rows.values()} == {
            ("by", "3.0", "Ann")
        }
        closed = PAGE.replace("<title>", '<meta name="robots" content="noai"><title>')
        server.files["/page"] = (closed.encode(), "text/html")
        _, _, error = found(tmp_path / "2", server, source)
        assert "opt-out" in error


def test_published_tables_are_read_under_their_own_column_names(tmp_path):
    with Server(many(4)) as server:
        urls = [server.url(path) for path in server.photos]
        table = {
            "OriginalURL": urls,
            "License": ["https://creativecommons.org/licenses/by/2.0/"] * 3
            + ["all rights reserved"],
            "Author": ["Ann", "Bob", None, "Dan"],
            "Title": ["Street at night", "A manor", "Streets", "Street"],
        }
        for i in (0, 2):
            part = {name: values[i : i + 2] for name, values in table.items()}
            pq.write_table(pa.table(part), tmp_path / f"part{i}.parquet")
        columns = {"url": "OriginalURL", "license": "License", "author": "Author", "title": "Title"}
        source = {"kind": "urls", "files": [tmp_path / "*.parquet"], "columns": columns}
        source |= {"keywords": ["street", "man"], "author": "Flickr"}
        rows, rejected, _ = found(tmp_path / "set", server, source)
        assert {(r.author, r.license_version) for r in rows.values()} == {
            ("Ann", "2.0"),
            ("Flickr", "2.0"),
        }
        assert rejected == {"unknown license": 1}
        source["columns"] = {"url": "Link"}
        assert "no column 'Link', found Orig" in found(tmp_path / "b", server, source)[2]


def test_pictures_inside_a_table_need_no_request(tmp_path):
    bodies = [photo.body for photo in many(3)]
    images = [{"bytes": body, "path": None} for body in bodies]
    pq.write_table(pa.table({"image": images, "tags": list("abc")}), tmp_path / "t.parquet")
    source = {"kind": "urls", "files": [tmp_path / "t.parquet"], "license": "cc0"}
    source |= {"columns": {"image": "image", "title": "tags"}}
    with Server(many(3)) as server:
        rows, _, error = found(tmp_path / "set", server, source)
        assert not server.log
    assert (sorted(row.title for row in rows.values()), error) == (["a", "b", "c"], "")


@pytest.mark.parametrize(
    ("name", "license", "more"),
    [
        (
            "pd12m",
            "https://creativecommons.org/publicdomain/mark/1.0/",
            {"hash": "x", "source": "s"},
        ),
        ("commoncatalog", "http://creativecommons.org/licenses/by/2.0/", {"status": "success"}),
        ("stockimages_cc0", "", {}),
        ("open_images", "https://creativecommons.org/licenses/by/2.0/", {"Rotation": "0"}),
    ],
)
def test_recipes_of_the_large_sets_read_their_published_tables(tmp_path, name, license, more):
    shutil.copy(REPOSITORY / "datasets" / f"{name}.yml", tmp_path)
    (config,) = read_recipe(tmp_path / f"{name}.yml").sources
    with Server(many(2)) as server:
        values = {
            "image": {"bytes": many(1)[0].body, "path": None},
            "url": server.url("/img/1.jpg"),
        }
        values |= {
            "title": "People in a street at night",
            "license": license,
            "license_url": license,
        }
        row = {theirs: values.get(ours, "1") for ours, theirs in config.columns.items()} | more
        path = tmp_path / str(config.files[0].relative_to(tmp_path)).replace("*", "0")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([row]), path)
        else:
            path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
        made = read_recipe(tmp_path / f"{name}.yml")
        made = made.model_copy(update={"contact": "me@gan-color.invalid", "min_side": 1})
        summary = run(made, tmp_path / "set")
    assert (summary.stored.total(), summary.errors) == (1, {}), summary


def test_url_lists_keep_their_columns(tmp_path):
    with Server(many(3)) as server:
        urls = [server.url(path) for path in server.photos]
        (tmp_path / "a.csv").write_text(f"url,license,author\n{urls[0]},by-4.0,Ann\n")
        table = {"url": urls[1:2], "license_url": ["http://creativecommons.org/licenses/by/2.0"]}
        pq.write_table(pa.table(table), tmp_path / "b.parquet")
        (tmp_path / "c.txt").write_text(f"# mine\n{urls[2]}\n")
        files = [tmp_path / name for name in ("a.csv", "b.parquet", "c.txt")]
        rows, rejected, _ = found(tmp_path / "set", server, {"kind": "urls", "files": files})
    assert {(r.license, r.license_version, r.author) for r in rows.values()} == {
        ("by", "4.0", "Ann"),
        ("by", "2.0", ""),
    }
    assert rejected == {"unknown license": 1}


def test_shards_of_img2dataset_are_finished_with_their_licenses(tmp_path):
    """As img2dataset writes them with --save_additional_columns: key.jpg, key.txt, key.json."""
    licensed = {"license": "by", "license_url": f"{SITE}/licenses/by/2.0/", "author": "Ann"}
    for shard in range(2):
        with tarfile.open(tmp_path / f"{shard:05d}.tar", "w") as tar:
            for i in range(3):
                number = 3 * shard + i
                row = {
                    "caption": f"Alps {number}",
                    "item_id": f"commons-{number}",
                    "status": "success",
                }
                row |= licensed if number else {"license": None, "license_url": None}
                body = synthetic(number, 200, 160)
                parts = {"jpg": body, "txt": b"Alps", "json": json.dumps(row).encode()}
                for suffix, content in parts.items():
                    member = tarfile.TarInfo(f"{number:09d}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    (tmp_path / "cut.tar").write_bytes((tmp_path / "00000.tar").read_bytes()[:9000])
    source = {"kind": "shards", "files": [tmp_path / "*.tar"]}
    summary = run(recipe(source), tmp_path / "set")
    assert summary.rejected["shards"] == {"unknown license": 1}
    assert "cut.tar" in summary.errors["shards"]
    assert clean(tmp_path / "set") == {"keep": 5}
    split(tmp_path / "set", 0.3)
    rows = manifest.read(tmp_path / "set")
    assert {(row.license, row.license_version, row.author) for row in rows} == {
        ("by", "2.0", "Ann")
    }
    assert "no credit recorded" not in (tmp_path / "set" / "ATTRIBUTION.md").read_text()
    assert pack(tmp_path / "set", tmp_path / "tars") == 2
