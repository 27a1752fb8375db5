"""Slow, tired, strict and wandering hosts: nothing hangs, nobody is asked too often."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scrapers.cli import main
from scrapers.collect.store import STATE
from scrapers.errors import SourceError
from scrapers.fetch import response_cache
from scrapers.fetch.client import Client
from scrapers.fetch.response_cache import ResponseCache
from tests.fakes.image_server import ADDRESS, Answer, Server
from tests.fakes.photographs import Photo, photos, synthetic
from tests.helpers.recipes import IMAGES, PAGE, found, many, paths, recipe, run, stored, url_list

ONE = "/img/0.jpg"


@pytest.mark.parametrize("slow", ["/page", "/robots.txt"])
def test_a_dripping_page_ends_at_its_deadline(server, tmp_path, slow):
    server.files["/page"] = (b"<p>%s</p>" % (b"x" * 4000), "text/html")
    server.files["/robots.txt"] = (b"User-agent: *\n" * 50, "text/plain")
    server.script(slow, *[Answer(pause=0.2, piece=1)] * 9)
    source = {"kind": "web", "pages": [server.url("/page")], "hosts": [ADDRESS], "license": "cc0"}
    other = url_list(tmp_path, [])
    summary = run(recipe(source, other, limits={"deadline": 0.6, "attempts": 1}), tmp_path / "set")
    assert any(word in summary.errors["web"] for word in ("slow", "robots-unreachable"))


def test_a_dripping_head_ends_at_its_deadline(tmp_path):
    """A head never ends, one byte at a time: no single read is slow."""
    listener = socket.create_server((ADDRESS, 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not stop.wait(0.05):
                    connection.sendall(b"x")
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    limits = {"deadline": 0.5, "attempts": 2}
    made = recipe(url_list(tmp_path, [f"http://{ADDRESS}:{port}/x.jpg"]), limits=limits)
    try:
        summary = run(made, tmp_path / "set")
    finally:
        stop.set()
        listener.close()
    assert summary.failed["urls"] == {"robots-unreachable": 1}
    assert summary.undone == 1


def test_an_endless_crawl_delay_holds_the_host_and_no_other(server, tmp_path):
    server.files["/robots.txt"] = (b"User-agent: *\nCrawl-delay: 100000\n", "text/plain")
    with Server(many(2)) as other:
        urls = [server.url(path) for path in server.photos]
        urls += [other.url(path) for path in other.photos]
        summary = run(recipe(url_list(tmp_path, urls)), tmp_path / "set")
    assert summary.stored.total() == 2
    (reason,) = summary.failed["urls"]
    assert reason == "host asks for 100,000 s between requests (robots.txt)"
    assert not [path for path in paths(server) if path.startswith("/img")]


def test_a_host_that_asks_for_an_hour_is_asked_nothing_more(server, tmp_path):
    everything = photos(20)
    with Server(everything) as tired, Server(many(3)) as other:
        for photo in everything:
            tired.script(photo.path, Answer(429, headers=(("Retry-After", "3600"),)))
        urls = [s.url(path) for s in (tired, other) for path in s.photos]
        made = recipe(url_list(tmp_path, urls), limits={"concurrency": 1})
        summary = run(made, tmp_path / "set")
        asked = [path for path in paths(tired) if path.startswith("/img")]
    assert len(asked) == 1
    assert summary.stored.total() == 3
    assert summary.failed["urls"].total() == 20
    assert all("asks to wait 3,600 s" in reason for reason in summary.failed["urls"])


def test_ctrl_c_ends_a_run_that_waits(server, tmp_path):
    server.script(ONE, Answer(pause=5, piece=1))
    (tmp_path / "r.yml").write_text(
        "{name: set, contact: me@gan-color.invalid, min_side: 64, sources: "
        f"[{json.dumps(url_list(tmp_path, [server.url(ONE)]) | {'files': ['list.txt']})}]}}"
    )
    # Shells start background jobs with Ctrl-C ignored, and a test run may be one.
    heed = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; runpy.run_module('scrapers', run_name='__main__')"]
    command += ["collect", str(tmp_path / "r.yml"), "--allow-address", ADDRESS]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True
    ) as process:
        part = tmp_path / "set" / STATE / "parts"
        while process.poll() is None and not (part.is_dir() and any(part.iterdir())):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert "run the same command to resume" in said


def test_ctrl_c_may_come_before_every_thread_has_begun(server, tmp_path, monkeypatch):
    begin, begun = threading.Thread.start, []

    def interrupted(thread: threading.Thread) -> None:
        if threading.current_thread() is threading.main_thread():  # others start their own
            if len(begun) == 3:  # the search and two of eight workers
                raise KeyboardInterrupt
            begun.append(thread)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(recipe(url_list(tmp_path, [server.url(ONE)])), tmp_path / "set")


def test_one_missing_page_stops_no_other(server, tmp_path):
    for i in (0, 1):
        server.files[f"/page{i}"] = (PAGE[0] % i, PAGE[1])
    pages = [server.url(path) for path in ("/none", "/page0", "/gone", "/page1")]
    source = {"kind": "web", "pages": pages, "hosts": [ADDRESS], "license": "cc0"}
    rows, _, error = found(tmp_path, server, source)
    assert len(rows) == 2
    assert error.startswith("2 of 4 queries failed, first: ")
    assert "/none: http-404" in error


def test_a_failed_commons_query_and_a_loop_stop_no_later_query(tmp_path):
    with Server(many(4)) as server:
        bad = json.dumps({"error": {"code": "bad", "info": "no"}}).encode()
        again = json.dumps({"continue": {"gsroffset": 50, "continue": "-||"}}).encode()
        api = "/commons/w/api.php"
        server.script(api, Answer(body=bad), *[Answer(body=again)] * 2)
        source = {"kind": "commons", "search": ["sea", "sky", "alps"], "endpoint": server.url(api)}
        rows, _, error = found(tmp_path, server, source)
        assert len(rows) == 4
        assert error == "2 of 3 queries failed, first: Commons: bad: no"
        assert len([path for path in paths(server) if path == api]) <= 6


def test_refusals_are_final_until_asked_again_or_the_recipe_is_looser(server, tmp_path):
    small = Photo(8, synthetic(8, 100, 90), 100, 90)
    server.photos[small.path] = small
    server.script(ONE, Answer(403))
    server.script("/img/1.jpg", Answer(body=b"<html>log in</html>"))
    urls = [server.url(path) for path in (ONE, "/img/1.jpg", small.path)]
    folder, source = tmp_path / "set", url_list(tmp_path, urls)
    first = run(recipe(source, min_side=200), folder)
    assert first.rejected["urls"] == {"http-403": 1, "not an image": 1, "too small": 1}
    assert run(recipe(source, min_side=300), folder).stored.total() == 0
    assert run(recipe(source, min_side=64), folder).stored.total() == 1  # the small one
    (tmp_path / "r.yml").write_text(
        json.dumps(
            {"name": "r", "contact": "me@gan-color.invalid", "min_side": 64, "sources": [source]},
            default=str,
        )
    )
    arguments = ["collect", str(tmp_path / "r.yml"), "-o", str(folder), "--allow-address", ADDRESS]
    assert main([*arguments, "--retry-refused"]) == 0
    assert len(stored(folder, server)) == 3


def test_what_is_left_undone_is_exit_code_3(server, tmp_path):
    server.script(ONE, *[Answer(500)] * 9)
    source = url_list(tmp_path, [server.url(ONE), server.url("/img/1.jpg")])
    limits = {"attempts": 2, "backoff": 0.01}
    (tmp_path / "r.yml").write_text(
        json.dumps(
            {"name": "r", "contact": "me@gan-color.invalid", "min_side": 64, "sources": [source]}
            | {"limits": limits},
            default=str,
        )
    )
    arguments = ["collect", str(tmp_path / "r.yml"), "--allow-address", ADDRESS]
    assert main(arguments) == 3
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert (report["stored"], report["undone"]) == (1, 1)
    assert report["bytes"] == len(IMAGES[1].body)
    assert report["sources"]["urls"]["failed"] == {"http-500": 1}
    server.scripts[ONE].clear()
    assert main(arguments) == 0


def test_replies_of_an_unfinished_search_do_not_expire(tmp_path, monkeypatch):
    cache = ResponseCache(tmp_path)
    cache.put("a", 1)
    monkeypatch.setattr(response_cache.time, "time", lambda: time.monotonic() + 4e9)
    old = 4e9 - 3 * response_cache.MAX_AGE + time.monotonic()
    for path in tmp_path.glob("*.json"):
        os.utime(path, (old, old))
    later = ResponseCache(tmp_path)  # the first run never finished
    assert later.get("a") == 1
    later.finished()
    assert ResponseCache(tmp_path).get("a") is None


@pytest.mark.parametrize("url", ["http://a.test:99999/x", "http://[::1/x", "ftp://a/x", "x.jpg"])
def test_what_is_no_address_stops_no_source(server, tmp_path, url):
    summary = run(recipe(url_list(tmp_path, [url, server.url(ONE)])), tmp_path / "set")
    assert (summary.errors, summary.stored.total()) == ({}, 1)
    assert summary.rejected["urls"] == {"bad address": 1}


def test_a_cut_reply_of_an_api_is_an_error_of_its_source(server, tmp_path):
    server.script("/flaky", *[Answer(body=b"{}" * 900, keep=100)] * 9)
    made = recipe({"kind": "commons", "search": ["x"]})
    client = Client(made.contact, made.limits, None, [ADDRESS])
    with pytest.raises(SourceError, match="truncated"):
        client.json(server.url("/flaky"), {})
    client.close()
