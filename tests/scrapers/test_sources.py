"""Each API is used as its documentation says, pitfalls included."""

import json

import pyarrow.parquet as pq
import pytest

from scrapers.cli import main
from scrapers.collect.url_list import COLUMNS
from tests.fakes.image_server import ADDRESS, Answer, Server
from tests.helpers.recipes import BODY, found, many, recipe, run


def test_commons_search_pages_batches_and_credits(tmp_path):
    photos = many(70)
    photos[3].license, photos[3].version = "pd", ""
    photos[4].license = "by-nc"
    photos[5].flags["extmetadata"] = {"DeletionReason": "copyvio"}
    photos[6].flags["imageinfo"] = {"mediatype": "DRAWING"}
    photos[7].flags["extmetadata"] = {"Attribution": "Photo: <b>me</b>"}
    photos[8].flags["imageinfo"] = {"thumburl": "http://10.0.0.1/x.jpg", "thumbwidth": 100}
    with Server(photos) as server:
        busy = json.dumps({"error": {"code": "maxlag", "info": "lagged"}}).encode()
        server.script(
            "/commons/w/api.php",
            Answer(body=busy, headers=(("Retry-After", "0"),)),
            Answer(429, headers=(("Retry-After", "0"),)),
        )
        source = {
            "kind": "commons",
            "search": ["alps"],
            "endpoint": server.url("/commons/w/api.php"),
        }
        rows, rejected, error = found(tmp_path, server, source)
        assert not error
        assert rejected == {"license by-nc": 1}
        assert len(rows) == 70 - 4
        row = rows["commons-1"]
        assert (row.author, row.author_url) == ("A. Author", "https://example.test/0")
        assert row.attribution.startswith('"Alps 0" by A. Author, CC BY 4.0 https://creativecomm')
        assert row.attribution.endswith(f"via Wikimedia Commons, {server.url('/wiki/File:0')}")
        assert rows["commons-4"].license == "pdm"
        assert rows["commons-8"].attribution == "Photo: me"
        assert "utm_" not in row.url
        asked = len([request for request in server.log if request.path.startswith("/commons")])
        found(tmp_path, server, source)
        assert asked == len([r for r in server.log if r.path.startswith("/commons")])


def test_commons_categories_are_followed_to_depth(tmp_path):
    photos = many(4)
    for photo, category in zip(
        photos, ("Alps", "Alps/Lakes", "Alps/Lakes/Deep", "Sea"), strict=True
    ):
        photo.category = category
    with Server(photos) as server:
        source = {
            "kind": "commons",
            "categories": ["Alps"],
            "depth": 1,
            "endpoint": server.url("/commons/w/api.php"),
        }
        rows, _, error = found(tmp_path, server, source)
    assert (sorted(rows), error) == (["commons-1", "commons-2"], "")


def test_openverse_queries_are_split_below_its_cap(tmp_path):
    photos = many(300)
    for i, photo in enumerate(photos):
        photo.license, photo.version = [("by", "2.0"), ("cc0", "1.0"), ("by-sa", "2.0")][i % 3]
    photos[0].version = ""  # the service would build a URL with 4.0
    with Server(photos) as server:
        source = {"kind": "openverse", "search": ["alps"], "endpoint": server.url("/openverse/v1/")}
        rows, rejected, error = found(
            tmp_path, server, source, licenses=["by", "cc0", "pdm", "by-sa"]
        )
        assert not error
        assert len(rows) == 299
        assert rejected == {"unknown license": 1}
        sizes = {r.query["page_size"] for r in server.log if r.path.startswith("/openverse")}
        assert sizes == {"20"}
    assert any(row.attribution.endswith("licenses/by/2.0/.") for row in rows.values())


def test_flickr_is_windowed_by_upload_date(tmp_path, monkeypatch):
    monkeypatch.setenv("FLICKR_API_KEY", "test-key")
    monkeypatch.setattr("scrapers.sources.flickr.WINDOW", 20)
    monkeypatch.setattr("scrapers.sources.flickr.PER_PAGE", 10)
    monkeypatch.setattr("tests.fakes.image_apis.FLICKR_CAP", 20)
    photos = many(60)
    kinds = [("by", "2.0"), ("by", "4.0"), ("cc0", "1.0"), ("by-nc", "2.0"), ("pdm", "1.0")]
    for i, photo in enumerate(photos):
        photo.license, photo.version = kinds[i % 5]
        photo.uploaded += i * 3600
    with Server(photos) as server:
        busy = json.dumps({"stat": "fail", "code": 105, "message": "not available"}).encode()
        server.script("/flickr/services/rest/", Answer(body=busy))
        source = {
            "kind": "flickr",
            "search": ["alps"],
            "start": "2020-01-01",
            "end": "2020-12-31",
            "endpoint": server.url("/flickr/services/rest/"),
        }
        rows, rejected, error = found(tmp_path, server, source)
    assert (len(rows), rejected, error) == (48, {}, "")
    assert {row.license for row in rows.values()} == {"by", "cc0", "pdm"}
    assert rows["flickr-1"].license_url == "https://creativecommons.org/licenses/by/4.0/"
    assert rows["flickr-1"].page == "https://www.flickr.com/photos/1@N00/1"
    kept = "".join(p.read_text() for p in (tmp_path / ".collect" / "responses").iterdir())
    assert "test-key" not in kept


@pytest.mark.parametrize(
    ("source", "keys", "says"),
    [
        ({"kind": "flickr", "search": ["x"]}, {}, "set FLICKR_API_KEY"),
        ({"kind": "flickr", "search": ["x"]}, {"FLICKR_API_KEY": "wrong"}, "Invalid API Key"),
        ({"kind": "pixabay", "search": ["x"]}, {}, "bar systematic mass downloads"),
        ({"kind": "pixabay", "search": ["x"], "accept_terms": True}, {}, "add `pixabay`"),
        ({"kind": "pexels", "search": ["x"]}, {}, "bar using the API for data sets, training"),
        ({"kind": "unsplash", "search": ["x"]}, {}, "kind: unsplash_dataset"),
        ({"kind": "folder", "path": "/nowhere", "license": "own"}, {}, "found no folder"),
        ({"kind": "urls", "files": ["/nowhere.txt"], "license": "cc0"}, {}, "No such file"),
        ({"kind": "web", "pages": ["http://a.test/"], "hosts": ["b.test"]}, {}, "not among"),
    ],
)
def test_a_failing_source_says_why_and_stops_no_other(tmp_path, monkeypatch, source, keys, says):
    for name in ("FLICKR_API_KEY", "PIXABAY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.jpg").write_bytes(BODY)
    with Server() as server:
        if source["kind"] == "flickr":
            source = {**source, "endpoint": server.url("/flickr/services/rest/")}
        other = {"kind": "folder", "path": own, "license": "own"}
        summary = run(recipe(source, other, licenses=["own", "cc0"]), tmp_path / "set")
    names = list(summary.errors)
    assert len(names) == 1
    assert says in summary.errors[names[0]]
    assert summary.stored.total() == 1


def test_pixabay_skips_opted_out_images_and_stops_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXABAY_API_KEY", "test-key")
    photos = many(205, tags=("alps",))
    photos[0].flags["noAiTraining"] = True
    photos[1].flags["isAiGenerated"] = True
    with Server(photos) as server:
        source = {
            "kind": "pixabay",
            "search": ["alps"],
            "accept_terms": True,
            "endpoint": server.url("/pixabay/api/"),
        }
        rows, rejected, error = found(tmp_path, server, source, licenses=["pixabay"])
        assert not [request for request in server.log if request.status == 400]
    assert (len(rows), error) == (203, "")
    assert rejected == {"author bars training": 1, "AI-generated": 1}
    assert rows["pixabay-7"].attribution.startswith("Image by A. Author from Pixabay")


def test_url_lists_for_img2dataset_have_licenses_and_download_nothing(tmp_path, capsys):
    photos = many(5)
    photos[0].license = "by-sa"
    with Server(photos) as server:
        (tmp_path / "r.yml").write_text(
            "{name: r, contact: me@gan-color.invalid, min_side: 64, limits: {rate: 0}, sources: "
            f"[{{kind: commons, search: [alps], endpoint: '{server.url('/commons/w/api.php')}'}}]}}"
        )
        arguments = [str(tmp_path / "r.yml"), "--allow-address", ADDRESS]
        assert main(["urls", *arguments, "-o", str(tmp_path / "u.parquet")]) == 0
        assert main(["collect", *arguments, "--dry-run"]) == 0
        assert not server.whole()
    table = pq.read_table(tmp_path / "u.parquet")
    assert tuple(table.column_names) == COLUMNS
    assert (table.num_rows, set(table["license"].to_pylist())) == (4, {"by"})
    shown = capsys.readouterr()
    assert shown.out.startswith("img2dataset --url_list")
    assert "1 license by-sa" in shown.err
    assert not (tmp_path / "r").exists()
