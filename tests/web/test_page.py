"""The server in a real process, the page in a real browser, and a real proxy."""

import io
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from tests.helpers.runs import REPOSITORY, save_scene_model
from tests.helpers.web_photos import photo, post_photo
from tests.helpers.web_server import NGINX, Server, nginx, open_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """One to ask directly, one for a proxy; they start together."""
    options = {"": ()} if NGINX is None else {"": (), "/color": ("--root-path", "/color")}
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


def test_upload_colorize_compare_and_download(server, browser, tmp_path):
    page, wrong = open_page(browser, server.url, viewport={"width": 1200, "height": 800})
    old = tmp_path / "old.png"
    old.write_bytes(photo((300, 200), "PNG"))
    page.set_input_files("#file", old)
    page.get_by_role("checkbox", name="run").check()
    page.click("#colorize")
    expect(page.locator(".compare")).to_have_count(2, timeout=20_000)
    first = page.locator(".compare").first
    slider = first.get_by_role("slider", name="Before and after, plain")
    box = first.bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 9)
    assert abs(float(slider.input_value()) - 25) < 2
    before = first.screenshot()
    slider.press("End")  # by keyboard; the line moves with it
    assert first.evaluate("e => e.style.getPropertyValue('--split')") == "100%"
    assert first.screenshot() != before
    page.keyboard.press("ArrowLeft")  # the slider keeps its focus
    last = page.locator(".compare").last.get_by_role("slider")
    assert (slider.input_value(), last.input_value()) == ("99", "99")
    for kind, name in (("JPEG", "old-colorized.jpg"), ("PNG", "old-colorized.png")):
        with page.expect_download() as started:
            page.get_by_role("button", name=f"Download run as {kind}").click()
        assert started.value.suggested_filename == name
        image = Image.open(started.value.path())
        assert (image.format, image.size) == (kind, (300, 200))
    assert wrong == []
    page.close()


def test_the_page_fits_a_phone_and_reports_errors(server, browser):
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    page, wrong = open_page(browser, server.url, **phone)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    status = page.locator("#status")
    page.tap("#colorize")
    expect(status).to_have_text("Choose a photo first.")
    bad = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"none"}
    page.set_input_files("#file", bad)
    page.tap("#colorize")
    expect(status).to_contain_text("found 4 bytes that are not an image", timeout=10_000)
    assert [text for text in wrong if not text.startswith("422 ")] == []
    page.locator("[data-example=coffee]").press("Enter")  # by keyboard
    expect(page.locator("#preview")).to_be_visible()
    page.locator("#colorize").press("Enter")
    expect(page.locator(".compare")).to_be_visible(timeout=20_000)
    expect(status).to_contain_text("Done.")
    box = page.locator(".compare").bounding_box()
    assert box
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


def test_the_page_names_the_scene_if_the_model_does(server, browser, tmp_path):
    save_scene_model(server.models / "scene <i>.safetensors")
    page, wrong = open_page(browser, server.url)
    page.click("[data-example=coffee]")
    expect(page.locator("#preview")).to_be_visible()
    page.get_by_role("checkbox", name="scene <i>").check()  # text, not HTML
    page.click("#colorize")
    expect(page.locator(".result .scenes")).to_have_text(["", "forêt 73%, beach 27%"])
    expect(page.locator(".result .scenes").first).to_be_hidden()
    assert wrong == []
    page.close()
    (server.models / "scene <i>.safetensors").unlink()


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


@pytest.mark.parametrize(
    "attack", ["inline script", "inline handler", "inline style", "eval", "fetch", "image"]
)
def test_the_browser_enforces_the_policy_and_the_tests_would_notice(server, browser, attack):
    page, wrong = open_page(browser, server.url)
    script = {
        "inline script": "document.head.append(Object.assign(document.createElement('script'), "
        "{ textContent: 'window.ran = 1' }))",
        "inline style": "document.body.setAttribute('style', 'color: red')",
        "eval": "setTimeout(() => new Function('window.ran = 1')())",
        "inline handler": "document.body.setAttribute('onclick', 'window.ran = 1'), "
        "document.body.click()",
        "fetch": "fetch('http://127.0.0.2/').catch(() => 0)",
        "image": "new Image().src = 'http://127.0.0.2/x.png'",
    }[attack]
    page.evaluate(script)
    page.wait_for_timeout(200)
    assert any("Content Security" in text for text in wrong)
    assert page.evaluate("window.ran") is None
    page.close()


def test_a_photo_can_be_dropped_or_pasted(server, browser):
    page, wrong = open_page(browser, server.url)
    send = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], `${kind}.jpg`, { type: "image/jpeg" }));
        const options = { bubbles: true, cancelable: true };
        const event = kind === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: data })
            : new DragEvent(kind, { ...options, dataTransfer: data });
        document.body.dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    data = list(photo())
    assert page.evaluate(send, ["dragover", data])  # the browser itself must not open the file
    expect(page.locator("#drop")).to_have_class("dragging")
    for kind in ("drop", "paste"):
        page.evaluate(send, [kind, data])
        expect(page.locator("#photo-name")).to_have_text(f"{kind}.jpg")
        expect(page.locator("#preview")).to_be_visible()
    expect(page.locator("#drop")).not_to_have_class("dragging")
    page.evaluate(
        "document.body.dispatchEvent(new DragEvent('drop', {bubbles: true, "
        "cancelable: true, dataTransfer: new DataTransfer()}))"
    )
    expect(page.locator("#status")).to_contain_text("Found no file")
    assert wrong == []
    page.close()


def test_the_controls_reach_the_server_and_keep_to_its_limits(server, browser):
    page, wrong = open_page(browser, server.url)
    limits = httpx.get(f"{server.url}api/limits").json()
    assert page.locator("#render").get_attribute("max") == str(limits["render"])
    large = {"name": "l.bmp", "mimeType": "image/bmp", "buffer": bytes(limits["upload_bytes"] + 1)}
    page.set_input_files("#file", large)
    expect(page.locator("#status")).to_have_text("l.bmp: found 25.0 MB, expected at most 25 MB.")
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.locator("#render").press("Home")
    page.locator("#saturation").press("End")
    page.locator("#strength").press("Home")
    expect(page.locator("output")).to_have_text(["64", "2", "0"])
    page.get_by_role("checkbox", name="plain").uncheck()
    page.click("#colorize")
    expect(page.locator("#status")).to_have_text("Choose a model first.")
    page.get_by_role("checkbox", name="run").check()
    page.evaluate("""() => {
        const send = window.fetch;
        window.forms = [];
        window.fetch = (path, options) => {
            window.forms.push(Object.fromEntries(options.body));
            return send(path, options);
        };
    }""")
    page.click("#colorize")
    expect(page.locator(".compare")).to_have_count(1, timeout=20_000)
    with page.expect_download():
        page.get_by_role("button", name="Download run as PNG").click()
    chosen = {"file": {}, "model": "run", "render": "64", "saturation": "2", "strength": "0"}
    shown, saved = page.evaluate("window.forms")
    assert shown == {**chosen, "format": "jpeg", "response": "json"}
    assert saved == {**chosen, "format": "png"}
    assert wrong == []
    page.close()


def test_the_page_works_in_the_dark(server, browser):
    page, wrong = open_page(browser, server.url, color_scheme="dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", background))) < 64
    assert wrong == []
    page.goto(f"{server.url}api/docs")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
    assert wrong == []
    page.close()


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
            expect(page.locator("#preview")).to_be_visible()
            page.click("#colorize")
            expect(page.locator(".compare")).to_be_visible(timeout=20_000)
            assert [text for text in wrong if "favicon" not in text] == []
            page.close()
