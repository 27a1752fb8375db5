"""Where a crawler may go: robots.txt, redirects, links and bans."""

import json

import pyarrow.parquet as pq
import pytest

from scrapers import manifest
from scrapers.cli import main
from scrapers.fetch.access import canonical
from scrapers.fetch.robots import Robots
from tests.fakes.image_server import ADDRESS, Answer, Server
from tests.helpers.recipes import IMAGES, found, paths, recipe, run, url_list

ONE = "/img/0.jpg"


@pytest.mark.parametrize(
    ("path", "same"),
    [("//w/x", "/w/x"), ("/p/../w/x", "/w/x"), ("/./w/x", "/w/x"), ("/%77/x", "/w/x")],
)
def test_robots_sees_the_path_that_is_asked_for(server, tmp_path, path, same):
    assert canonical(server.url(path)) == server.url(same)
    server.files["/robots.txt"] = (b"User-agent: *\nDisallow: /w/\n", "text/plain")
    server.files["/w/x"] = (IMAGES[0].body, "image/jpeg")
    summary = run(recipe(url_list(tmp_path, [server.url(path)])), tmp_path / "set")
    assert summary.rejected["urls"] == {"robots": 1}
    assert "/w/x" not in paths(server)


def test_redirects_leave_no_allowed_host(server, tmp_path):
    with Server(IMAGES, address="127.0.0.2") as elsewhere:
        server.files["/page"] = (b'<p>Clouds</p><img src="/to"><img src="/img/0.jpg">', "text/html")
        server.files["/out"] = server.files["/to"] = (b"", "text/html")
        server.script("/to", Answer(302, headers=(("Location", elsewhere.url("/img/1.jpg")),)))
        server.script("/out", Answer(302, headers=(("Location", elsewhere.url("/page")),)))
        pages = [server.url("/out"), server.url("/page")]
        source = {"kind": "web", "pages": pages, "hosts": [ADDRESS], "license": "cc0"}
        summary = run(recipe(source), tmp_path / "set")
        assert not elsewhere.log
    assert "127.0.0.2 is not in `hosts`" in summary.errors["web"]
    assert summary.rejected["web"] == {"other-host": 1}
    assert summary.stored.total() == 1


def test_links_are_relative_to_where_a_page_was_found(server, tmp_path):
    server.files["/old"] = (b"", "text/html")
    server.files["/img/new"] = (b'<p>Clouds</p><img src="2.jpg">', "text/html")
    server.script("/old", Answer(302, headers=(("Location", "/img/new"),)))
    source = {"kind": "web", "pages": [server.url("/old")], "hosts": [ADDRESS], "license": "cc0"}
    rows, _, _ = found(tmp_path, server, source)
    assert [row.url for row in rows.values()] == [server.url("/img/2.jpg")]


@pytest.mark.parametrize("bot", ["GPTBot", "CCBot", "img2dataset"])
def test_bans_of_training_bots_count_as_ours_by_option(server, tmp_path, bot):
    server.files["/robots.txt"] = (f"User-agent: {bot}\nDisallow: /img/0\n".encode(), "text/plain")
    source = url_list(tmp_path, [server.url(ONE), server.url("/img/1.jpg")])
    assert run(recipe(source), tmp_path / "a").rejected["urls"] == {"robots": 1}
    made = recipe(source, limits={"training_bans": False})
    assert run(made, tmp_path / "a").stored.total() == 1  # the recipe is looser now
    assert len(manifest.read(tmp_path / "a")) == 2


def test_a_ban_of_everyone_but_us_is_no_ban():
    text = "User-agent: *\nDisallow: /\n\nUser-agent: gan-color-datasets\nAllow: /\n"
    assert Robots(text, ("GPTBot",)).allows("http://a.test/x")


def test_url_lists_leave_out_what_robots_bars(server, tmp_path, capsys):
    server.files["/robots.txt"] = (b"User-agent: img2dataset\nDisallow: /img/0\n", "text/plain")
    reserved = [{"location": "/img/2*", "tdm-reservation": 1}]
    server.files["/.well-known/tdmrep.json"] = (json.dumps(reserved).encode(), "text/plain")
    source = url_list(tmp_path, [server.url(path) for path in server.photos])
    made = {"name": "r", "contact": "me@gan-color.invalid", "sources": [source]}
    (tmp_path / "r.yml").write_text(json.dumps(made, default=str))
    target = tmp_path / "u.parquet"
    arguments = ["urls", str(tmp_path / "r.yml"), "-o", str(target)]
    assert main([*arguments, "--allow-address", ADDRESS]) == 0
    urls = pq.read_table(target)["url"].to_pylist()
    assert urls == [server.url("/img/1.jpg"), server.url("/img/3.jpg")]
    assert "1 robots" in capsys.readouterr().err
