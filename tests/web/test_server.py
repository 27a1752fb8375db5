"""The server in a real process: clients side by side, headers, paths, a real proxy; its command."""

import inspect
import io
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from gan_color.cli import main
from gan_color.cli.serve import serve
from tests.helpers.runs import REPOSITORY
from tests.helpers.web_photos import photo, post_photo
from tests.helpers.web_server import CHROMIUM, NGINX, Server, nginx, open_page


def test_eight_concurrent_clients_lose_no_request(server):
    data = photo((160, 120))

    def send_two(_: int) -> list[int]:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            return [post_photo(client, data).status_code for _ in range(2)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for found in pool.map(send_two, range(8)) for status in found]
    assert statuses == [200] * 16
    assert httpx.get(f"{server.url}api/health").json()["requests"] == 0


def test_nothing_of_a_photo_reaches_the_disk(server):
    """Checked while a photo of 4 MB, larger than any spool limit, is uploaded slowly."""
    seen: set[Path] = set()
    large = photo((1300, 1000), "BMP")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    whole = head + large + b"\r\n--x--\r\n"

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(whole), 400_000):
            yield whole[start : start + 400_000]
            time.sleep(0.1)  # until the server has read it: the network holds megabytes
            seen.update(server.temporary_files())
            deleted = Path(f"/proc/{server.process.pid}/fd")  # open but unlinked files
            if deleted.exists():
                seen.update(p.readlink() for p in deleted.iterdir() if is_temporary(p, server))

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{server.url}api/colorize", content=slowly(), headers=headers, timeout=60)
    assert answer.status_code == 200
    seen.update(server.temporary_files())
    assert seen == set()


def is_temporary(descriptor: Path, server: Server) -> bool:
    try:
        return str(descriptor.readlink()).startswith(str(server.temporary))
    except OSError:
        return False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "nothing"),
        ("POST", "upload"),
        ("GET", "docs"),
        ("GET", "openapi.json"),
        ("GET", "static/"),
        ("GET", "static/nothing.js"),
        ("GET", "static/..%2f..%2f..%2fpyproject.toml"),
        ("GET", "static/%2fetc/passwd"),
        ("GET", "examples/nothing.jpg"),
        ("GET", "examples/..%2fcoffee.jpg"),
        ("GET", "api/nothing"),
    ],
)
def test_unknown_paths_are_404_in_json(server, method, path):
    answer = httpx.request(method, server.url + path)
    assert answer.status_code == 404
    assert "expected" in answer.json()["error"]


@pytest.mark.parametrize("path", ["", "static/app.js", "api/docs", "api/health", "nothing"])
def test_every_response_carries_a_strict_policy(server, path):
    headers = httpx.get(server.url + path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "cache-control" in headers


def test_the_readmes_example_colorizes_a_photo(server, tmp_path, monkeypatch):
    (code,) = re.findall(r"```py\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert "http://127.0.0.1:7860/" in code
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.jpg").write_bytes(photo())
    exec(compile(code.replace("http://127.0.0.1:7860/", server.url), "README.md", "exec"), {})
    (saved,) = tmp_path.glob("*.png")
    assert Image.open(saved).size == (60, 40)


def test_endless_headers_are_refused_and_the_server_survives(server):
    with suppress(httpx.TransportError):  # closed before the response was read
        answer = httpx.get(f"{server.url}api/health", headers={"x": "a" * 300_000})
        assert 400 <= answer.status_code < 500
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + b"f" * 5_000_000
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{server.url}api/colorize", content=part, headers=headers)
    assert answer.status_code == 400
    assert httpx.get(f"{server.url}api/health").status_code == 200


def test_the_server_works_behind_nginx_as_documented(servers, tmp_path, request):
    if NGINX is None:
        pytest.skip("no nginx on PATH")
    with nginx(tmp_path, servers["/color"].url) as url:
        with httpx.Client(base_url=url, timeout=30) as client:
            assert client.get("api/health").json()["status"] == "ok"
            described = client.get("api/openapi.json").json()
            assert described["servers"] == [{"url": "/color/api"}]
            large = photo((1300, 1000), "BMP")
            answer = client.post("api/colorize", files={"file": large}, data={"format": "png"})
            assert answer.status_code == 200
            assert Image.open(io.BytesIO(answer.content)).size == (1300, 1000)
            refused = client.post("api/colorize", files={"file": bytes(30_000_000)})
            assert refused.status_code == 413
            assert "expected at most 25 MB" in refused.json()["error"]
            refused = client.post("api/colorize", files={"file": bytes(26_500_000)})
            assert "expected at most 25 MB" in refused.json()["error"]
        if CHROMIUM is not None:
            page, wrong = open_page(request.getfixturevalue("browser"), url)
            page.click("[data-example=coffee]")
            expect(page.locator(".result")).to_be_visible(timeout=60_000)
            assert [text for text in wrong if "favicon" not in text] == []
            page.close()


def test_serve_reports_an_error_in_one_line(tmp_path, capsys):
    def failing(*arguments: object) -> str:
        with pytest.raises(SystemExit) as caught:
            main(["serve", *map(str, arguments)])
        assert caught.value.code == 2
        *before, line = capsys.readouterr().err.strip().splitlines()
        assert all(said.startswith("starting: ") for said in before)
        return line

    assert "found none in" in failing("--models", tmp_path, "--port", 0)
    (tmp_path / "x.safetensors").write_text("none")
    assert "not a readable safetensors" in failing("--models", tmp_path, "--port", 0)
    assert "--port" in failing("--models", tmp_path, "--port", 0, "--host", "192.0.2.1")
    assert "like /color" in failing("--models", tmp_path, "--port", 0, "--root-path", "color")


def test_serve_without_the_extra_names_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "gan_color.web.server", raising=False)
    with pytest.raises(SystemExit):
        main(["serve"])
    assert "found no package 'uvicorn'; install the extra" in capsys.readouterr().err


def test_the_server_listens_on_this_machine_only_by_default():
    assert inspect.signature(serve).parameters["host"].default == "127.0.0.1"
