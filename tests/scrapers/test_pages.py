"""Web pages: which pictures they hold, and which license each of them has."""

import gzip

import pytest
from bs4 import BeautifulSoup

from scrapers import licenses
from scrapers.sources.page_images import images, largest
from scrapers.sources.page_license import PageLicenses
from tests.fakes.image_server import ADDRESS, Server
from tests.helpers.recipes import found, many, recipe, run
from tests.scrapers.test_metadata import picture

BY = '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY</a>'
BY_NC_ND = BY.replace("/by/", "/by-nc-nd/")
ROOT = "http://a.test/"


def license_of(body: str, default: str = "") -> list[str]:
    """The license of every picture of a page, in order; "" for none."""
    document = BeautifulSoup(body, "html.parser")
    stated = PageLicenses(document, ROOT, licenses.named(default) if default else None)
    found = [stated.of(image, ROOT + str(image["src"])) for image in document.find_all("img")]
    return [license.id if license else "" for license in found]


def figure(name: str, caption: str) -> str:
    return f'<figure><img src="{name}.jpg"><figcaption>{caption}</figcaption></figure>'


MIXED = figure("a", BY) + figure("b", BY_NC_ND) + figure("c", "(c) Getty Images")
LD = '<script type="application/ld+json">%s</script>'
IMAGE = '{"@type": "ImageObject", "contentUrl": "/%s.jpg", "license": "%s"}'
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f'<img src="a.jpg"><img src="b.jpg"><footer>{BY}</footer>', ["by", "by"]),
        (MIXED, ["by", "by-nc-nd", ""]),
        (MIXED + '<img src="d.jpg">', ["by", "by-nc-nd", "", ""]),
        (f"{BY}{figure('a', 'A lake')}{figure('b', '© Ann Other')}", ["", ""]),
        (f'{BY}<img src="a.jpg"><p>Logos: all rights reserved</p>', [""]),
        (f'{BY}<img src="a.jpg" alt="Photo: Getty Images"><img src="b.jpg">', ["", ""]),
        (figure("a", f"© Ann, {BY}") + '<img src="b.jpg">', ["by", "by"]),
        (figure("a", BY + BY_NC_ND), [""]),
        (figure("a", BY.replace(' rel="license"', "")), ["by"]),
        (
            f'<div itemscope itemtype="https://schema.org/ImageObject"><img src="a.jpg">'
            f'<link itemprop="license" href="{CC0}"></div>{figure("b", BY)}',
            ["cc0", "by"],
        ),
        (LD % (IMAGE % ("a", CC0)) + figure("a", "") + figure("b", ""), ["cc0", ""]),
        (
            LD % f'{{"@graph": [{IMAGE % ("a", CC0)}, {IMAGE % ("b", "http://a.test/own")}]}}'
            + figure("a", "")
            + figure("b", ""),
            ["cc0", ""],
        ),
        ('<a rel="license" href="/our-terms">Terms</a><img src="a.jpg">', [""]),
    ],
)
def test_a_picture_has_the_license_stated_nearest_to_it(body, expected):
    assert license_of(f"<html><body>{body}</body></html>") == expected


def test_a_recipes_license_is_for_silent_pages_only():
    assert license_of('<img src="a.jpg"><footer>© 2020 Us</footer>' + "x" * 700, "cc0") == ["cc0"]
    assert license_of(figure("a", "© Ann"), "cc0") == [""]
    assert license_of(BY_NC_ND + figure("a", ""), "cc0") == ["by-nc-nd"]


def test_a_picture_shown_under_two_licenses_has_none(tmp_path):
    with Server(many(2)) as server:
        page = f"{figure('/img/0', BY)}{figure('/img/0', BY_NC_ND)}{figure('/img/1', BY)}"
        server.files["/page"] = (f"<p>Lakes</p>{page}".encode(), "text/html")
        source = {"kind": "web", "pages": [server.url("/page")], "hosts": [ADDRESS]}
        rows, rejected, _ = found(tmp_path, server, source)
    assert [row.url.rpartition("/")[2] for row in rows.values()] == ["1.jpg"]
    assert rejected == {"unknown license": 1}


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("a.jpg 100w,\n  b.jpg 320w,\n\tc.jpg 200w", "b.jpg"),
        ("a.jpg, b.jpg 2x", "b.jpg"),
        ("a.jpg 1x,b.jpg 1.5x", "b.jpg"),
        ("https://h.test/w_100,h_50/a.jpg 100w, https://h.test/w_300,h_90/b.jpg 300w",
         "https://h.test/w_300,h_90/b.jpg"),
        ("  a.jpg  ", "a.jpg"),
        ("a.jpg 100w 50h, b.jpg 90w", "a.jpg"),
        ("", ""),
        (", ,", ""),
    ],
)  # fmt: skip
def test_the_largest_of_a_srcset_is_taken(srcset, expected):
    assert largest(srcset)[0] == expected


DATA = "data:image/gif;base64,R0lGOD"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (f'<img src="{DATA}" data-src="a.jpg">', ["a.jpg"]),
        (f'<img src="{DATA}" data-srcset="a.jpg 100w, b.jpg 400w">', ["b.jpg"]),
        ('<img src="tiny.jpg" data-original="big.jpg">', ["big.jpg"]),
        (f'<img src="{DATA}">', []),
        (
            '<picture><source type="image/avif" srcset="a.avif 900w"><source type="image/webp"'
            ' srcset="a.webp 600w"><img src="a.jpg"></picture>',
            ["a.avif"],
        ),
        (
            '<picture><source type="image/jxl" srcset="a.jxl 900w"><source srcset="a.webp 600w">'
            '<div><img src="a.jpg"></div></picture>',
            ["a.webp"],
        ),
        ('<noscript><img src="n.jpg"></noscript>', ["n.jpg"]),
    ],
)
def test_lazy_pictures_are_found(html, expected):
    assert [address for _, address, *_ in images(BeautifulSoup(html, "html.parser"))] == expected


def test_sitemaps_and_next_pages_are_followed_within_the_hosts(tmp_path):
    with Server(many(5)) as server:
        for i in range(4):
            link = f'<a rel="next" href="/p{(i + 1) % 4}">next</a>' if i < 2 else ""
            body = f'<p>Alps</p><img src="/img/{i}.jpg">{link}'
            server.files[f"/p{i}"] = (body.encode(), "text/html")
        entries = "".join(
            f"<url><loc>{address}</loc></url>"
            for address in (server.url("/p3"), "http://elsewhere.test/x", server.url("/none"))
        )
        space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        pages = gzip.compress(f"<urlset {space}>{entries}</urlset>".encode())
        server.files["/pages.xml.gz"] = (pages, "application/gzip")
        index = f"<sitemap><loc>{server.url('/pages.xml.gz')}</loc></sitemap>"
        index += f"<sitemap><loc>{server.url('/sitemap.xml')}</loc></sitemap>"  # itself
        index = f"<sitemapindex {space}>{index}</sitemapindex>"
        server.files["/sitemap.xml"] = (index.encode(), "application/xml")
        source = {"kind": "web", "hosts": [ADDRESS], "license": "cc0"}
        source |= {"pages": [server.url("/p0")], "sitemaps": [server.url("/sitemap.xml")]}
        rows, _, error = found(tmp_path, server, source)
    assert sorted(row.url.rpartition("/")[2] for row in rows.values()) == [
        f"{i}.jpg" for i in range(4)
    ]
    assert "/none: http-404" in error


def test_a_sitemap_that_expands_itself_is_refused(tmp_path):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url>&b;</url></urlset>'
    with Server() as server:
        server.files["/s.xml"] = (bomb, "application/xml")
        source = {"kind": "web", "sitemaps": [server.url("/s.xml")], "hosts": [ADDRESS]}
        _, _, error = found(tmp_path, server, source)
    assert "expected a plain sitemap" in error


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "HEIF"])
def test_formats_that_are_read_are_collected(tmp_path, kind):
    with Server() as server:
        server.files["/a"] = (picture(kind), "image/x")
        (tmp_path / "l.txt").write_text(server.url("/a"))
        source = {"kind": "urls", "files": [tmp_path / "l.txt"], "license": "cc0"}
        summary = run(recipe(source), tmp_path / "set")
    assert summary.stored.total() == 1
    (path,) = (tmp_path / "set" / "images").iterdir()
    assert path.suffix == {"AVIF": ".avif", "WEBP": ".webp", "HEIF": ".heic"}[kind]
