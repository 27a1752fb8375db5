"""Each interface is spoken as its documentation says, traps included."""

import bz2
import gzip
import json
from pathlib import Path
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scrapers_recipes import recipe, run, stored

from scrapers import manifest
from scrapers.addresses import is_public
from scrapers.checks.rules import Rules
from scrapers.cli import main
from scrapers.errors import ScraperError
from scrapers.gate import refusal
from scrapers.item import Item
from scrapers.licences import Licence, creative_commons, from_url, named
from scrapers.listing import COLUMNS
from scrapers.optout import Reservations, Robots, blocked_by_tags
from scrapers.recipe import Recipe, check_contact, parse, read_recipe, read_yaml
from scrapers.sources.flickr import live_url
from scrapers.testing import ADDRESS, Answer, Photo, Server, synthetic

DATASETS = Path(__file__).parent.parent / "datasets"
BODY = synthetic(0)


def many(count: int, **changes) -> list[Photo]:
    """Pictures told apart by a few bytes behind the JPEG's end, where no reader looks."""
    return [
        Photo(i, BODY + i.to_bytes(4, "big"), 320, 280, title=f"Alps {i}", **changes)
        for i in range(count)
    ]


def found(folder, server, source, **changes):
    """(rows by id, refusals, error) of one source against the server."""
    made = recipe(source, **changes)
    summary = run(made, folder)
    stored(folder, server)
    rows = {row.id: row for row in manifest.read(folder)}
    return rows, summary.refused[source["kind"]], summary.errors.get(source["kind"], "")


def test_commons_search_pages_batches_and_credits(tmp_path):
    photos = many(70)
    photos[3].licence, photos[3].version = "pd", ""
    photos[4].licence = "by-nc"
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
        rows, refused, error = found(tmp_path, server, source)
        assert not error
        assert refused == {"licence by-nc": 1}
        assert len(rows) == 70 - 4
        row = rows["commons-1"]
        assert (row.author, row.author_url) == ("A. Author", "https://example.test/0")
        assert row.attribution.startswith('"Alps 0" by A. Author, CC BY 4.0 https://creativecomm')
        assert row.attribution.endswith(f"via Wikimedia Commons, {server.url('/wiki/File:0')}")
        assert rows["commons-4"].licence == "pdm"
        assert rows["commons-8"].attribution == "Photo: me"
        assert "utm_" not in row.url
        asked = len([request for request in server.log if request.path.startswith("/commons")])
        found(tmp_path, server, source)
        assert asked == len([r for r in server.log if r.path.startswith("/commons")])


def test_commons_categories_are_followed_as_deep_as_said(tmp_path):
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


def test_openverse_is_cut_into_windows_below_its_cap(tmp_path):
    photos = many(300)
    for i, photo in enumerate(photos):
        photo.licence, photo.version = [("by", "2.0"), ("cc0", "1.0"), ("by-sa", "2.0")][i % 3]
    photos[0].version = ""  # the service would build an address with 4.0
    with Server(photos) as server:
        source = {"kind": "openverse", "search": ["alps"], "endpoint": server.url("/openverse/v1/")}
        rows, refused, error = found(
            tmp_path, server, source, licences=["by", "cc0", "pdm", "by-sa"]
        )
        assert not error
        assert len(rows) == 299
        assert refused == {"licence unknown": 1}
        sizes = {r.query["page_size"] for r in server.log if r.path.startswith("/openverse")}
        assert sizes == {"20"}
    assert any(row.attribution.endswith("licenses/by/2.0/.") for row in rows.values())


def test_flickr_is_cut_by_upload_date_and_counts_by_licence_id(tmp_path, monkeypatch):
    monkeypatch.setenv("FLICKR_API_KEY", "test-key")
    monkeypatch.setattr("scrapers.sources.flickr.WINDOW", 20)
    monkeypatch.setattr("scrapers.sources.flickr.PER_PAGE", 10)
    monkeypatch.setattr("scrapers.testing_apis.FLICKR_CAP", 20)
    photos = many(60)
    kinds = [("by", "2.0"), ("by", "4.0"), ("cc0", "1.0"), ("by-nc", "2.0"), ("pdm", "1.0")]
    for i, photo in enumerate(photos):
        photo.licence, photo.version = kinds[i % 5]
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
        rows, refused, error = found(tmp_path, server, source)
    assert (len(rows), refused, error) == (48, {}, "")
    assert {row.licence for row in rows.values()} == {"by", "cc0", "pdm"}
    assert rows["flickr-1"].licence_url == "https://creativecommons.org/licenses/by/4.0/"
    assert rows["flickr-1"].page == "https://www.flickr.com/photos/1@N00/1"
    kept = "".join(p.read_text() for p in (tmp_path / ".collect" / "replies").iterdir())
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
        ({"kind": "folder", "path": "/nowhere", "licence": "own"}, {}, "found no folder"),
        ({"kind": "urls", "files": ["/nowhere.txt"], "licence": "cc0"}, {}, "No such file"),
        ({"kind": "web", "pages": ["http://a.test/"], "hosts": ["b.test"]}, {}, "not among"),
    ],
)
def test_a_source_that_cannot_go_on_says_why_and_stops_no_other(
    tmp_path, monkeypatch, source, keys, says
):
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
        other = {"kind": "folder", "path": own, "licence": "own"}
        summary = run(recipe(source, other, licences=["own", "cc0"]), tmp_path / "set")
    names = list(summary.errors)
    assert len(names) == 1
    assert says in summary.errors[names[0]]
    assert summary.stored.total() == 1


def test_pixabay_skips_what_authors_bar_and_never_asks_past_the_end(tmp_path, monkeypatch):
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
        rows, refused, error = found(tmp_path, server, source, licences=["pixabay"])
        assert not [request for request in server.log if request.status == 400]
    assert (len(rows), error) == (203, "")
    assert refused == {"author bars training": 1, "generated picture": 1}
    assert rows["pixabay-7"].attribution.startswith("Image by A. Author from Pixabay")


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
    assert rows["flickr-0"].licence_version == "2.0"


def test_the_unsplash_dataset_leaves_grey_ones_out(tmp_path):
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
        rows, refused, _ = found(tmp_path / "set", server, source, licences=["unsplash-lite"])
    assert list(rows) == ["unsplash-id0"]
    assert refused == {"grey by its colours": 1}


PAGE = """<html><head><title>Lakes</title><meta name="author" content="Ann">
<meta property="og:image" content="/img/1.jpg"></head><body>
<figure><img src="/img/9.jpg" srcset="/img/9.jpg 100w, /img/0.jpg 320w"><figcaption>A <i>lake</i>
</figcaption></figure><img src="http://elsewhere.test/x.jpg"><img src="/img/2.jpg" alt="Two">
<img src="data:image/png;base64,AA"><a rel="license"
href="//creativecommons.org/licenses/by/3.0/deed.en">licence</a></body></html>"""


def test_web_pages_give_their_pictures_with_captions_and_licence(tmp_path):
    with Server(many(3)) as server:
        server.files["/page"] = (PAGE.encode(), "text/html")
        source = {"kind": "web", "pages": [server.url("/page")], "hosts": [ADDRESS]}
        rows, _, error = found(tmp_path, server, source)
        assert not error
        titles = {row.url.rpartition("/")[2]: row.title for row in rows.values()}
        assert titles == {"0.jpg": "A lake", "1.jpg": "Lakes", "2.jpg": "Two"}
        assert {(r.licence, r.licence_version, r.author) for r in rows.values()} == {
            ("by", "3.0", "Ann")
        }
        closed = PAGE.replace("<title>", '<meta name="robots" content="noai"><title>')
        server.files["/page"] = (closed.encode(), "text/html")
        _, _, error = found(tmp_path / "2", server, source)
        assert "opt-out" in error


def test_lists_of_addresses_keep_their_columns(tmp_path):
    with Server(many(3)) as server:
        urls = [server.url(path) for path in server.photos]
        (tmp_path / "a.csv").write_text(f"url,licence,author\n{urls[0]},by-4.0,Ann\n")
        table = {"url": urls[1:2], "licence_url": ["http://creativecommons.org/licenses/by/2.0"]}
        pq.write_table(pa.table(table), tmp_path / "b.parquet")
        (tmp_path / "c.txt").write_text(f"# mine\n{urls[2]}\n")
        files = [tmp_path / name for name in ("a.csv", "b.parquet", "c.txt")]
        rows, refused, _ = found(tmp_path / "set", server, {"kind": "urls", "files": files})
    assert {(r.licence, r.licence_version, r.author) for r in rows.values()} == {
        ("by", "4.0", "Ann"),
        ("by", "2.0", ""),
    }
    assert refused == {"licence unknown": 1}


def test_urls_for_img2dataset_carry_licences_and_fetch_nothing(tmp_path, capsys):
    photos = many(5)
    photos[0].licence = "by-sa"
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
    assert (table.num_rows, set(table["licence"].to_pylist())) == (4, {"by"})
    shown = capsys.readouterr()
    assert shown.out.startswith("img2dataset --url_list")
    assert "1 licence by-sa" in shown.err
    assert not (tmp_path / "r").exists()


def test_licences_are_known_however_they_are_written():
    by = Licence("by", "2.0", "https://creativecommons.org/licenses/by/2.0/")
    for text in (
        "http://creativecommons.org/licenses/by/2.0",
        "//creativecommons.org/licenses/by/2.0/deed.en",
        "https://www.creativecommons.org/licenses/BY/2.0/legalcode",
        "by-2.0",
    ):
        assert named(text) == by
    assert from_url("https://creativecommons.org/publicdomain/mark/1.0//").id == "pdm"
    assert from_url("https://creativecommons.org/licenses/by-sa/3.0/de/").url.endswith("/3.0/de/")
    for text in (
        "https://creativecommons.org/licenses/by/",
        "https://creativecommons.org/licenses/by/9.0/",
        "https://evil.test/creativecommons.org/licenses/by/4.0/",
        "by",
        "all rights reserved",
    ):
        assert named(text) is None
    assert creative_commons("by", None) is None


@pytest.mark.parametrize("name", ["by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd"])
def test_nothing_but_free_licences_pass_by_default(name):
    made = recipe({"kind": "commons", "search": ["x"]})
    item = Item("a", "commons", "http://a.test/a.jpg", creative_commons(name, "4.0"))
    assert refusal(item, made) == f"licence {name}"
    if "nc" in name or "nd" in name:
        with pytest.raises(ScraperError, match="also needs"):
            recipe({"kind": "commons", "search": ["x"]}, licences=[name])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"licences": ["ccby"]}, "found 'ccby', expected some of"),
        ({"sauces": []}, "sauces: Extra inputs"),
        ({"sources": [{"kind": "google"}]}, "sources.0: Input tag 'google'"),
        ({"sources": [{"kind": "folder", "path": "x", "licence": "by"}]}, "with its version"),
        ({"limit": 0}, "limit: Input should be greater than 0"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(change, says):
    good = {"name": "x", "sources": [{"kind": "commons", "search": ["x"]}]}
    with pytest.raises(ScraperError) as caught:
        parse(Recipe, {**good, **change}, "r.yml")
    assert says in str(caught.value)


def test_a_contact_is_required_and_a_key_may_stand_once(tmp_path, capsys):
    for contact in ("", "me", "you@example.org", "http://localhost"):
        with pytest.raises(ScraperError, match="hosts must be able"):
            check_contact(contact)
    path = tmp_path / "r.yml"
    path.write_text("name: a\nname: b\n")
    with pytest.raises(ScraperError, match="stands twice"):
        read_recipe(path)
    assert main(["collect", str(path)]) == 2
    assert capsys.readouterr().err.startswith("scrapers: ")
    assert main(["nonsense"]) == 2


@pytest.mark.parametrize(
    ("lines", "blocks"),
    [
        (["noai"], "noai"),
        (["NoImageAI, follow"], "noimageai"),
        (["none"], "none"),
        (["otherbot: noindex, noai"], ""),
        (["otherbot: noindex", "noai"], "noai"),
        (["noindex, otherbot: x"], "noindex"),
        (["gan-color-datasets: noindex"], "noindex"),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], "noai"),
        (["max-image-preview: none"], ""),
        (["all"], ""),
    ],
)
def test_robots_tags_are_read_as_they_are_meant(lines, blocks):
    assert blocked_by_tags(lines) == blocks


def test_robots_txt_and_reservations():
    robots = Robots("User-agent: *\nDisallow: /a\nAllow: /a/b$\nRequest-rate: 1/4\n")
    assert [robots.allows(f"http://h.test{path}") for path in ("/a/c", "/a/b", "/")] == [
        False,
        True,
        True,
    ]
    assert robots.delay == 4
    assert not Robots(None).allows("http://h.test/")
    rules = Reservations('[{"location": "/x*", "tdm-reservation": 1}, {"location": "/"}, 3]')
    assert rules.reserved("http://h.test/x/y")
    assert not rules.reserved("http://h.test/x/y", header="0")
    assert rules.reserved("http://h.test/z", header="0", meta="1")
    assert not Reservations("<html>").reserved("http://h.test/")


def test_addresses_of_this_machine_and_its_network_are_private():
    for address in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1",
                    "64:ff9b::a00:1", "2002:7f00:1::", "224.0.0.1", "0.0.0.0"):  # fmt: skip
        assert not is_public(address), address
    assert is_public("93.184.216.34")
    assert is_public("2606:4700::1111")


def test_old_flickr_addresses_lead_to_todays_host():
    assert live_url("http://farm3.staticflickr.com/12/34_ab.jpg") == (
        "https://live.staticflickr.com/12/34_ab.jpg"
    )
    assert live_url("http://farm3.static.flickr.com/12/34_ab_b.jpg").endswith("/12/34_ab_b.jpg")


def test_every_recipe_is_valid_and_asks_for_a_contact():
    paths = [path for path in sorted(DATASETS.glob("*.yml")) if path.name != "clean.yml"]
    assert len(paths) == 9
    for path in paths:
        made = read_recipe(path)
        assert made.name == path.stem
        assert made.expected is None
        assert set(made.licences) <= {"cc0", "pdm", "by", "own"}
        with pytest.raises(ScraperError, match="contact"):
            check_contact(made.contact)
    assert parse(Rules, read_yaml(DATASETS / "clean.yml"), "clean.yml") == Rules()
