"""What may be requested and kept: licenses, recipes, robots.txt, opt-outs, addresses."""

import socket

import pytest

from scrapers.checks.rules import Rules
from scrapers.cli import main
from scrapers.collect.filters import rejection_reason
from scrapers.errors import ScraperError
from scrapers.fetch.access import Access
from scrapers.fetch.answers import FetchError
from scrapers.fetch.robots import Reservations, Robots, blocked_by_tags
from scrapers.fetch.ssrf_guard import is_public
from scrapers.item import Item
from scrapers.licenses import License, creative_commons, from_url, named
from scrapers.options import parse, read_yaml
from scrapers.recipe import Limits, Recipe, check_contact, read_recipe
from scrapers.sources.flickr import live_url
from tests.helpers.recipes import recipe
from tests.helpers.runs import REPOSITORY

DATASETS = REPOSITORY / "datasets"


def test_licenses_are_recognized_in_any_spelling():
    by = License("by", "2.0", "https://creativecommons.org/licenses/by/2.0/")
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


SITE = "https://creativecommons.org/licenses"


@pytest.mark.parametrize(
    ("text", "id", "path"),
    [
        (f"{SITE}/by-nd-nc/1.0/", "by-nc-nd", "by-nd-nc/1.0/"),
        (f"{SITE}/by-nd-nc/1.0/nl/legalcode", "by-nc-nd", "by-nd-nc/1.0/nl/"),
        (f"{SITE}/by/2.1/jp/", "by", "by/2.1/jp/"),
        (f"{SITE}/by-sa/2.5/scotland/deed.en_GB", "by-sa", "by-sa/2.5/scotland/"),
        (f"{SITE}/by-nc/3.0/igo", "by-nc", "by-nc/3.0/igo/"),
        (f"{SITE}/nd-nc/2.0/jp/", "nc-nd", "nd-nc/2.0/jp/"),
        (f"{SITE}/sa/1.0/", "sa", "sa/1.0/"),
        (f"{SITE}/nc-sampling+/1.0/", "nc-sampling+", "nc-sampling+/1.0/"),
        (f"{SITE}/publicdomain/", "pddc", "publicdomain/"),
        ("CC BY-NC-ND 1.0", "by-nc-nd", "by-nd-nc/1.0/"),
        ("cc-by-sa-3.0-de", "by-sa", "by-sa/3.0/de/"),
        ("CC BY 4.0 International", "by", "by/4.0/"),
    ],
)
def test_every_published_form_of_a_license_is_read(text, id, path):
    found = named(text)
    assert (found.id, found.url) == (id, f"{SITE}/{path}")
    assert named(found.url) == found


@pytest.mark.parametrize(
    "text",
    [
        "by/2.1/",
        "by/4.0/de/",
        "by-nd-nc/3.0/",
        "by/3.0/xx/",
        "sa/2.0/",
        "sampling/1.0/jp/",
        "cc0/1.0/",
    ],
)
def test_a_license_that_was_never_published_is_unknown(text):
    assert from_url(f"{SITE}/{text}") is None


@pytest.mark.parametrize("name", ["nc", "nd", "nc-sa", "nc-nd", "sampling+"])
def test_a_retired_license_needs_what_its_parts_need(name):
    with pytest.raises(ScraperError, match=r"also needs|expected some of"):
        recipe({"kind": "commons", "search": ["x"]}, licenses=[name])


@pytest.mark.parametrize("name", ["by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd"])
def test_nothing_but_free_licenses_pass_by_default(name):
    made = recipe({"kind": "commons", "search": ["x"]})
    item = Item("a", "commons", "http://a.test/a.jpg", creative_commons(name, "4.0"))
    assert rejection_reason(item, made) == f"license {name}"
    if "nc" in name or "nd" in name:
        with pytest.raises(ScraperError, match="also needs"):
            recipe({"kind": "commons", "search": ["x"]}, licenses=[name])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"licenses": ["ccby"]}, "found 'ccby', expected some of"),
        ({"sauces": []}, "unknown key 'sauces', expected one of name, about"),
        ({"sources": [{"kind": "google"}]}, "sources.0: Input tag 'google'"),
        ({"sources": [{"kind": "folder", "path": "x", "license": "by"}]}, "with its version"),
        ({"licences": ["cc0"]}, "did you mean 'licenses'?"),
        (
            {"sources": [{"kind": "folder", "path": "x", "licence": "own"}]},
            "sources.0.folder: unknown key 'licence', expected one of limit, kind, path, license",
        ),
        ({"noncommercial": "yes"}, "noncommercial: found 'yes', expected true or false"),
        ({"noncommercial": 1}, "noncommercial: found 1, expected true or false"),
        ({"min_side": "256"}, "min_side: found '256', expected a whole number"),
        ({"limit": True}, "limit: found true, expected a whole number"),
        ({"limits": {"rate": "2"}}, "limits.rate: found '2', expected a number"),
        ({"limit": 0}, "limit: Input should be greater than 0"),
    ],
)
def test_recipe_errors_are_one_sentence(change, says):
    good = {"name": "x", "sources": [{"kind": "commons", "search": ["x"]}]}
    with pytest.raises(ScraperError) as caught:
        parse(Recipe, {**good, **change}, "r.yml")
    assert says in str(caught.value)


def test_a_contact_is_required_and_duplicate_keys_are_rejected(tmp_path, capsys):
    for contact in ("", "me", "you@example.org", "http://localhost"):
        with pytest.raises(ScraperError, match="hosts must be able"):
            check_contact(contact)
    path = tmp_path / "r.yml"
    path.write_text("name: a\nname: b\n")
    with pytest.raises(ScraperError, match=r"line 2: the key 'name' stands twice"):
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
def test_robots_tags(lines, blocks):
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


def test_local_and_embedded_addresses_are_private():
    for address in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1",
                    "64:ff9b::a00:1", "2002:7f00:1::", "2001::5:f5ff:fffe", "224.0.0.1",
                    "0.0.0.0", "100.64.0.1", "fe80::1%eth0"):  # fmt: skip
        assert not is_public(address), address
    assert is_public("93.184.216.34")
    assert is_public("2606:4700::1111")
    assert is_public("64:ff9b::5db8:d822")


def _resolve_to(monkeypatch, *addresses):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("private", ["10.0.0.1", "127.0.0.9"])
def test_a_name_with_any_private_address_is_never_connected_to(monkeypatch, private):
    def connect(*_):
        raise AssertionError("connected")

    _resolve_to(monkeypatch, "93.184.216.34", private)
    monkeypatch.setattr(socket, "create_connection", connect)
    access = Access("me@gan-color.invalid", Limits(), ["127.0.0.1"])
    for scheme in ("http", "https"):
        with access.open(f"{scheme}://a.test/", {}, "", False) as (response, _):
            assert response == FetchError("private-address", "a.test")


def test_every_address_of_a_name_is_tried_and_nothing_else_is(monkeypatch):
    tried = []

    def connect(place, _):
        tried.append(place)
        raise OSError("unreachable")

    _resolve_to(monkeypatch, "93.184.216.34", "127.0.0.1")
    monkeypatch.setattr(socket, "create_connection", connect)
    access = Access("me@gan-color.invalid", Limits(), ["127.0.0.1"])
    with access.open("https://a.test/", {}, "", False) as (response, _):
        assert response.reason == "connection"
    assert tried == [("93.184.216.34", 443), ("127.0.0.1", 443)]


def test_old_flickr_urls_are_rewritten():
    assert live_url("http://farm3.staticflickr.com/12/34_ab.jpg") == (
        "https://live.staticflickr.com/12/34_ab.jpg"
    )
    assert live_url("http://farm3.static.flickr.com/12/34_ab_b.jpg").endswith("/12/34_ab_b.jpg")


def test_every_recipe_is_valid_and_needs_a_contact():
    paths = [path for path in sorted(DATASETS.glob("*.yml")) if path.name != "clean.yml"]
    assert len(paths) == 14
    for path in paths:
        made = read_recipe(path)
        assert made.name == path.stem
        assert made.expected is None
        assert set(made.licenses) <= {"cc0", "pdm", "by", "own", "unsplash-lite"}
        with pytest.raises(ScraperError, match="contact"):
            check_contact(made.contact)
    assert parse(Rules, read_yaml(DATASETS / "clean.yml"), "clean.yml") == Rules()


def test_recipes_read_whole_floats_and_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "r.yml"
    path.write_text(
        "name: x\nlimit: 1e3\nsources:\n"
        "- {kind: folder, path: ~/photos, license: own, author: me, limit: 010}\n"
        "- {kind: yfcc, files: [~/a.tsv, b.tsv]}\n"
        "- {kind: flickr, search: [x], start: 2010-01-31}\n"
    )
    made = read_recipe(path)
    assert (made.limit, made.sources[0].limit) == (1000, 10)
    assert made.sources[0].path == tmp_path / "home" / "photos"
    assert made.sources[1].files == (tmp_path / "home" / "a.tsv", tmp_path / "b.tsv")
    assert made.sources[2].start == "2010-01-31"
