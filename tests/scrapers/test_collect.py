"""Whatever a host does, the folder ends up with exactly the right files and rows."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scrapers import manifest
from scrapers.errors import ScraperError
from scrapers.fetch.access import Access, user_agent
from scrapers.fetch.answers import retry_after
from scrapers.recipe import Limits
from tests.fakes.image_server import Answer, Server
from tests.fakes.photographs import Photo, photos, synthetic
from tests.helpers.recipes import IMAGES, recipe, run, stored, url_list


def collected(server: Server, folder: Path, paths: list[str], **changes) -> tuple[list[str], dict]:
    """(stored paths, counts of why others were not) after one run over these paths."""
    source = url_list(folder, [path if "//" in path else server.url(path) for path in paths])
    summary = run(recipe(source, **changes), folder / "set")
    assert not summary.errors
    return stored(folder / "set", server), dict(summary.rejected["urls"] + summary.failed["urls"])


ONE = "/img/0.jpg"


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([Answer(429, headers=(("Retry-After", "0"),))], 2),
        ([Answer(503), Answer(500)], 3),
        ([Answer(keep=900)], 2),
        ([Answer(keep=0)], 2),
        ([Answer(chunked=True)], 1),
        ([Answer(chunked=True, keep=900)], 2),
        ([Answer(headers=(("Content-Type", "text/html"),))], 1),
    ],
    ids=["429", "5xx", "cut", "cut-at-once", "chunked", "chunked-cut", "wrong-type"],
)
def test_transient_failures_are_retried(server, tmp_path, answers, asked):
    server.script(ONE, *answers)
    assert collected(server, tmp_path, [ONE, "/img/1.jpg"]) == ([ONE, "/img/1.jpg"], {})
    assert [request.path for request in server.log].count(ONE) == asked


def test_a_truncated_download_resumes(server, tmp_path):
    server.script(ONE, Answer(keep=1000))
    assert collected(server, tmp_path, [ONE]) == ([ONE], {})
    first, second = (request for request in server.log if request.path == ONE)
    assert (first.sent, second.headers["range"], second.status) == (1000, "bytes=1000-", 206)


PAGE = b"<!doctype html><html>Sorry</html>"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404), "http-404"),
        (Answer(body=PAGE, headers=(("Content-Type", "image/jpeg"),)), "not an image"),
        (Answer(body=b""), "not an image"),
        (Answer(body=IMAGES[0].body[:-4000]), "not an image"),
        (Answer(body=synthetic(0, 60, 60)), "too small"),
        (Answer(body=b"\xff" * 300_000), "too-many-bytes"),
        (Answer(body=b"\xff" * 300_000, chunked=True), "too-many-bytes"),
        (Answer(headers=(("Content-Encoding", "gzip"),)), "encoding"),
        (Answer(headers=(("X-Robots-Tag", "noimageai"),)), "opt-out"),
        (Answer(headers=(("tdm-reservation", "1"),)), "opt-out"),
        (Answer(302, headers=(("Location", "http://10.0.0.1/x.jpg"),)), "private-address"),
        (Answer(302, headers=(("Location", "http://127.0.0.9:1/x.jpg"),)), "private-address"),
        (Answer(302, headers=(("Location", "http://[::1]/x.jpg"),)), "private-address"),
        (Answer(302, headers=(("Location", "file:///etc/passwd"),)), "bad-address"),
        (Answer(302, headers=(("Location", "/photo_unavailable.png"),)), "gone"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_are_counted_and_leave_no_files(server, tmp_path, answer, reason):
    server.script(ONE, *[answer] * 3)
    found = collected(server, tmp_path, [ONE, "/img/1.jpg"], limits={"max_bytes": 200_000})
    # A private address has no reachable robots.txt, so the image is never requested.
    expected = {"robots-unreachable"} if reason == "private-address" else {reason}
    assert found[0] == ["/img/1.jpg"]
    assert set(found[1]) == expected
    assert not list((tmp_path / "set" / ".collect" / "parts").iterdir())


def test_redirects_are_followed_but_not_loops(server, tmp_path):
    server.files["/moved"] = server.files["/round"] = (b"", "text/html")
    server.script("/moved", Answer(301, headers=(("Location", ONE),)))
    server.script("/round", *[Answer(302, headers=(("Location", "/round"),))] * 9)
    found = collected(server, tmp_path, ["/moved", "/round"])
    assert found == ([ONE], {"redirects": 1})


def test_robots_rules_and_reservations_are_obeyed(server, tmp_path):
    rules = b"User-agent: *\nDisallow: /\n\nUser-agent: gan-color-datasets\nDisallow: /img/1*$\n"
    server.files["/robots.txt"] = (rules, "text/plain")
    reserved = [{"location": "/img/2*", "tdm-reservation": 1}]
    server.files["/.well-known/tdmrep.json"] = (json.dumps(reserved).encode(), "text/plain")
    found = collected(server, tmp_path, [photo.path for photo in IMAGES])
    assert found == ([ONE, "/img/3.jpg"], {"robots": 1, "opt-out": 1})
    assert "/img/1.jpg" not in [request.path for request in server.log]


def test_an_unreachable_robots_txt_disallows_all(server, tmp_path):
    server.script("/robots.txt", Answer(503), Answer(503))
    assert collected(server, tmp_path, [ONE]) == ([], {"robots-unreachable": 1})


def test_one_bad_host_stops_no_other(server, tmp_path):
    with Server(IMAGES) as drips:
        for photo in IMAGES:
            drips.script(photo.path, *[Answer(pause=0.3, piece=8)] * 3)
        slow = [drips.url(photo.path) for photo in IMAGES]
        changes = {"limits": {"deadline": 0.7, "attempts": 1}}
        addresses = [*slow, *(photo.path for photo in IMAGES), "http://127.0.0.1:9/x.jpg"]
        found, reasons = collected(server, tmp_path, addresses, **changes)
    assert found == [photo.path for photo in IMAGES]
    assert reasons == {"slow": 4, "robots-unreachable": 1}


def test_the_same_image_at_several_urls_is_stored_once(server, tmp_path):
    twin = Photo(9, IMAGES[0].body, 320, 280)
    server.photos[twin.path] = twin
    found, reasons = collected(server, tmp_path, [ONE, "/img/1.jpg", twin.path])
    assert len(found) == 2
    assert reasons == {"duplicate bytes": 1}


def test_a_second_run_fetches_nothing_but_what_failed(server, tmp_path):
    paths = [photo.path for photo in IMAGES]
    server.script("/img/3.jpg", *[Answer(500)] * 3)
    server.script("/img/2.jpg", Answer(404))
    assert collected(server, tmp_path, paths) == (paths[:2], {"http-500": 1, "http-404": 1})
    assert collected(server, tmp_path, paths) == ([*paths[:2], paths[3]], {"http-404": 1})
    assert sorted(server.whole()) == [*paths[:2], paths[3]]


def test_limits_are_exact_and_counted_over_runs(server, tmp_path):
    paths = [photo.path for photo in IMAGES]
    server.script(ONE, Answer(404))
    assert len(collected(server, tmp_path, paths, limit=2)[0]) == 2
    assert len(server.whole()) == 2
    assert len(collected(server, tmp_path, paths, limit=3)[0]) == 3
    assert len(server.whole()) == 3
    source = {**url_list(tmp_path, [server.url(path) for path in paths]), "limit": 2}
    assert run(recipe(source), tmp_path / "other").stored.total() == 2
    assert len(server.whole()) == 5


def test_a_row_has_license_source_and_hashes(server, tmp_path):
    collected(server, tmp_path, [ONE])
    (row,) = pq.read_table(tmp_path / "set" / "manifest.parquet").to_pylist()
    assert row["license"] == "cc0"
    assert row["license_url"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert row["url"] == server.url(ONE)
    assert (row["width"], row["height"], len(row["sha256"]), len(row["phash"])) == (
        320,
        280,
        64,
        16,
    )
    assert row["retrieved_at"].endswith("+00:00")
    assert row["terms"]
    assert row["file"] in (tmp_path / "set" / "ATTRIBUTION.md").read_text()


def test_stored_images_of_an_unlisted_license_stop_a_run(server, tmp_path):
    collected(server, tmp_path, [ONE])
    with pytest.raises(ScraperError, match="'cc0', which the recipe's licenses do not list"):
        collected(server, tmp_path, [ONE], licenses=["by"])


def test_crawl_delay_is_respected(server, tmp_path):
    server.files["/robots.txt"] = (b"User-agent: *\nCrawl-delay: 0.2\n", "text/plain")
    began = time.monotonic()
    assert len(collected(server, tmp_path, [ONE, "/img/1.jpg", "/img/2.jpg"])[0]) == 3
    assert time.monotonic() - began >= 0.4  # slow machines only take longer


def test_retry_after_is_respected(server, tmp_path):
    server.script(ONE, Answer(429, headers=(("Retry-After", "0.5"),)))
    assert len(collected(server, tmp_path, [ONE])[0]) == 1
    first, second = (request.when for request in server.log if request.path == ONE)
    assert second - first >= 0.5


def test_a_partial_manifest_line_is_truncated(server, tmp_path):
    collected(server, tmp_path, [ONE])
    path = tmp_path / "set" / "manifest.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"id": "url-x", "fi')
    assert len(collected(server, tmp_path, [ONE, "/img/1.jpg"])[0]) == 2
    assert path.read_bytes().startswith(whole)


def test_requests_carry_the_contact_and_verify_tls(server, tmp_path):
    collected(server, tmp_path, [ONE])
    assert {request.headers["user-agent"] for request in server.log} == {
        user_agent("me@gan-color.invalid")
    }
    session = Access("me@gan-color.invalid", Limits(), ()).session()
    assert session.verify is True
    assert session.trust_env is False


def test_retry_after_is_a_number_or_a_date():
    assert retry_after("7") == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is retry_after(None) is None


COUNT = 60
# GAN_COLOR_SLOW=1 pytest tests/scrapers/test_collect.py -k kill_9
SLOW = bool(os.environ.get("GAN_COLOR_SLOW"))


def _on_the_disk(folder: Path) -> list[bytes]:
    """Every file, complete or partial, that a killed run left."""
    places = [folder / "images", folder / ".collect" / "parts"]
    return [path.read_bytes() for place in places if place.exists() for path in place.iterdir()]


def _run(server: Server, folder: Path, kill_after: float | None) -> int:
    """Run the command; kill -9 it `kill_after` seconds after its first request, if given."""
    command = [sys.executable, "-m", "scrapers", "collect", str(folder / "r.yml")]
    command += ["--allow-address", "127.0.0.1"]
    before = len(server.log)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        if kill_after is not None:
            while process.poll() is None and len(server.log) == before:
                time.sleep(0.002)
            time.sleep(kill_after)
            process.kill()
        process.communicate()
    return process.returncode


@pytest.mark.parametrize(
    "kills", [2, pytest.param(20, marks=pytest.mark.skipif(not SLOW, reason="GAN_COLOR_SLOW"))]
)
def test_kill_9_loses_nothing_and_fetches_nothing_twice(tmp_path, kills):
    moments = random.Random(kills)
    with Server(photos(COUNT)) as server:
        source = url_list(tmp_path, [server.url(path) for path in server.photos])
        source["files"] = ["list.txt"]
        (tmp_path / "r.yml").write_text(
            "{name: set, contact: me@gan-color.invalid, min_side: 64, "
            "limits: {rate: 0, concurrency: 4, workers: 4}, "
            f"sources: [{json.dumps(source)}]}}"
        )
        for path in server.photos:  # about 0.1 s each, so that kills hit downloads
            server.script(path, *[Answer(pause=0.05, piece=12_000)] * 20)
        killed, resumed, checks = 0, 0, []
        for _ in range(kills):
            killed += _run(server, tmp_path, moments.uniform(0, 3 / kills)) == -signal.SIGKILL
            time.sleep(0.1)  # until the server notices
            left = _on_the_disk(tmp_path / "set")
            checks.append((len(server.log), left))
        assert _run(server, tmp_path, None) == 0
        assert killed
        for asked, left in checks:
            later = {request.path: request for request in server.log[: asked - 1 : -1]}
            for path, photo in server.photos.items():
                here = max((len(b) for b in left if b and photo.body.startswith(b)), default=0)
                if here == len(photo.body):
                    assert path not in later, f"{path} was complete and was downloaded again"
                elif here:
                    assert later[path].headers["range"] == f"bytes={here}-"
                    resumed += 1
        assert kills < 20 or resumed
        assert stored(tmp_path / "set", server) == sorted(server.photos)
        rows = manifest.read(tmp_path / "set")
        assert len({row.id for row in rows}) == len(rows) == COUNT
