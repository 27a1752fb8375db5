"""The server as a visitor meets it: a real process, a real browser, a real proxy."""

import io
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from tests.helpers.runs import REPOSITORY, save_scene_model
from tests.helpers.web_photos import colour, photo
from tests.helpers.web_server import NGINX, Server, nginx, open_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """One for visitors, one for a proxy; they start together."""
    options = {"": ()} if NGINX is None else {"": (), "/colour": ("--root-path", "/colour")}
    found = {
        path: Server(tmp_path_factory.mktemp("server"), *chosen) for path, chosen in options.items()
    }
    yield found
    for each in found.values():
        each.stop()


@pytest.fixture(scope="module")
def server(servers: dict[str, Server]) -> Server:
    return servers[""]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def test_a_visitor_uploads_colours_compares_and_downloads(server, browser, tmp_path):
    page, wrong = open_page(browser, server.url, viewport={"width": 1200, "height": 800})
    old = tmp_path / "old.png"
    old.write_bytes(photo((300, 200), "PNG"))
    page.set_input_files("#gc-file", old)
    page.get_by_label("Models, side by side").click()
    page.get_by_role("option", name="run").click()
    page.keyboard.press("Escape")
    page.click("#gc-colour")
    expect(page.locator(".compare")).to_have_count(2, timeout=20_000)
    first = page.locator(".compare").first
    slider = first.get_by_role("slider", name="Before and after, plain")
    box = slider.bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 9)
    assert abs(float(slider.input_value()) - 25) < 4
    before = first.screenshot()
    slider.press("End")  # by keyboard; what is seen moves with it
    assert first.evaluate("e => e.style.getPropertyValue('--split')") == "100%"
    assert first.screenshot() != before
    for kind, name in (("JPEG", "old-coloured.jpg"), ("PNG", "old-coloured.png")):
        with page.expect_download() as started:
            page.get_by_role("button", name=f"Download run as {kind}").click()
        assert started.value.suggested_filename == name
        picture = Image.open(started.value.path())
        assert (picture.format, picture.size) == (kind, (300, 200))
    assert wrong == []
    page.close()


def test_the_page_serves_a_phone_and_says_what_is_wrong(server, browser):
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    page, wrong = open_page(browser, server.url, **phone)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    status = page.locator("#gc-status")
    page.tap("#gc-colour")
    expect(status).to_have_text("Choose a photo first.")
    bad = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"none"}
    page.set_input_files("#gc-file", bad)
    page.tap("#gc-colour")
    expect(status).to_contain_text("found 4 bytes that are no picture", timeout=10_000)
    assert [text for text in wrong if not text.startswith("422 ")] == []
    page.locator("[data-example=coffee]").press("Enter")  # by keyboard
    expect(page.locator(".drop img")).to_be_visible()
    page.locator("#gc-colour").press("Enter")
    expect(page.locator(".compare")).to_be_visible(timeout=20_000)
    expect(status).to_contain_text("Done.")
    box = page.locator(".compare").bounding_box()
    assert box
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


def test_the_page_says_what_a_photo_shows_where_the_model_names_it(server, browser, tmp_path):
    save_scene_model(server.models / "scene.safetensors")
    page, wrong = open_page(browser, server.url)
    page.click("[data-example=coffee]")
    expect(page.locator(".drop img")).to_be_visible()
    page.get_by_label("Models, side by side").click()
    page.get_by_role("option", name="scene").click()
    page.keyboard.press("Escape")
    page.click("#gc-colour")
    expect(page.locator(".result .scenes")).to_have_text(["", "forêt 73%, beach 27%"])
    expect(page.locator(".result .scenes").first).to_be_hidden()
    assert wrong == []
    page.close()
    (server.models / "scene.safetensors").unlink()


def test_eight_clients_at_once_lose_no_request(server):
    data = photo((160, 120))

    def visit(_: int) -> list[int]:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            return [colour(client, data).status_code for _ in range(2)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for found in pool.map(visit, range(8)) for status in found]
    assert statuses == [200] * 16
    assert httpx.get(f"{server.url}api/health").json()["requests"] == 0


def test_nothing_of_a_photo_reaches_the_disk(server):
    """Watched while a photo of 4 MB, beyond every spool, is uploaded slowly and coloured."""
    seen: set[Path] = set()
    large = photo((1300, 1000), "BMP")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    whole = head + large + b"\r\n--x--\r\n"

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(whole), 400_000):
            yield whole[start : start + 400_000]
            seen.update(server.written())
            deleted = Path(f"/proc/{server.process.pid}/fd")  # open, and unlinked already
            if deleted.exists():
                seen.update(p.readlink() for p in deleted.iterdir() if is_temporary(p, server))

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{server.url}api/colorize", content=slowly(), headers=headers, timeout=60)
    assert answer.status_code == 200
    seen.update(server.written())
    assert seen == set()


def is_temporary(descriptor: Path, server: Server) -> bool:
    try:
        return str(descriptor.readlink()).startswith(str(server.temporary))
    except OSError:
        return False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "gradio_api/upload"),
        ("POST", "gradio_api/queue/join"),
        ("POST", "gradio_api/run/predict"),
        ("GET", "gradio_api/file=/etc/passwd"),
        ("GET", "gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "gradio_api/vibe-code/"),
        ("GET", "monitoring"),
        ("POST", "login"),
    ],
)
def test_what_gradio_offers_beyond_the_page_is_closed(server, method, path):
    answer = httpx.request(method, server.url + path, files={"files": b"x"})
    assert answer.status_code == 404
    assert "/api/docs" in answer.json()["error"]


def test_the_readmes_example_colours_a_photo(server, tmp_path, monkeypatch):
    (code,) = re.findall(r"```py\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert "http://127.0.0.1:7860/" in code
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.jpg").write_bytes(photo())
    exec(compile(code.replace("http://127.0.0.1:7860/", server.url), "README.md", "exec"), {})
    assert Image.open(tmp_path / "coloured.png").size == (60, 40)


def test_headers_without_end_are_refused_and_the_server_lives(server):
    with suppress(httpx.TransportError):  # hung up on before the answer was read
        answer = httpx.get(f"{server.url}api/health", headers={"x": "a" * 300_000})
        assert 400 <= answer.status_code < 500
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + b"f" * 5_000_000
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{server.url}api/colorize", content=part, headers=headers)
    assert answer.status_code == 400
    assert httpx.get(f"{server.url}api/health").status_code == 200


def test_it_works_behind_nginx_as_documented(servers, tmp_path, request):
    if NGINX is None:
        pytest.skip("no nginx on PATH")
    with nginx(tmp_path, servers["/colour"].url) as url:
        with httpx.Client(base_url=url, timeout=30) as client:
            assert client.get("api/health").json()["status"] == "ok"
            described = client.get("api/openapi.json").json()
            assert described["servers"] == [{"url": "/colour/api"}]
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
            expect(page.locator(".drop img")).to_be_visible()
            page.click("#gc-colour")
            expect(page.locator(".compare")).to_be_visible(timeout=20_000)
            assert [text for text in wrong if "favicon" not in text] == []
            page.close()
