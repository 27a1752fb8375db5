"""The page in a real browser."""

import io
import re
import zipfile

import httpx
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import expect

from tests.helpers.runs import save_scene_model
from tests.helpers.web_photos import photo
from tests.helpers.web_server import open_page


def test_a_photo_is_colorized_at_once_compared_and_downloaded(server, browser, tmp_path):
    page, wrong = open_page(browser, server.url, viewport={"width": 1200, "height": 800})
    old = tmp_path / "old.png"
    old.write_bytes(photo((300, 200), "PNG"))
    page.set_input_files("#file", old)
    expect(page.locator(".result")).to_have_count(1, timeout=60_000)
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    slider = page.get_by_role("slider", name="Before and after, plain")
    compare = page.locator(".result .compare")
    box = compare.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert abs(float(slider.input_value()) - 25) < 4
    before = compare.screenshot()
    slider.press("End")  # by keyboard; the line moves with it
    assert compare.evaluate("e => e.style.getPropertyValue('--split')") == "100%"
    assert compare.screenshot() != before
    for kind, name in (
        ("JPEG", "old-colorized.jpg"),
        ("PNG", "old-colorized.png"),
        ("WEBP", "old-colorized.webp"),
    ):
        with page.expect_download() as started:
            page.get_by_role("button", name=f"Download plain as {kind}").click()
        assert started.value.suggested_filename == name
        image = Image.open(started.value.path())
        assert (image.format, image.size) == (kind, (300, 200))
    assert wrong == []
    page.close()


def test_models_are_compared_side_by_side(server, browser, tmp_path):
    page, wrong = open_page(browser, server.url)
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    expect(page.locator(".result")).to_have_count(1, timeout=60_000)
    page.locator("summary").click()
    page.get_by_role("checkbox", name="run").check()
    expect(page.locator(".result")).to_have_count(2, timeout=60_000)
    first, last = page.locator(".compare input").nth(1), page.locator(".compare input").last
    first.press("End")
    page.keyboard.press("ArrowLeft")  # the slider keeps its focus
    assert (first.input_value(), last.input_value()) == ("99", "99")
    page.get_by_role("checkbox", name="run").uncheck()
    expect(page.locator(".result")).to_have_count(1)
    page.get_by_role("checkbox", name="plain").uncheck()
    expect(page.locator("#status")).to_have_text("Choose a model first.")
    assert wrong == []
    page.close()


def test_the_first_sight_is_an_example_that_moves_with_the_hand(server, browser):
    page, wrong = open_page(browser, server.url, viewport={"width": 1280, "height": 800})
    hero = page.locator("#hero")
    expect(hero).to_be_visible(timeout=60_000)
    box = hero.bounding_box()
    assert box
    assert box["width"] > 500
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 50)
    assert hero.locator("input").input_value() == "80"
    gray, color = (
        Image.open(io.BytesIO(httpx.get(f"{server.url}examples/coffee{end}.jpg").content))
        for end in ("", "-colorized")
    )
    assert gray.size == color.size
    assert ImageChops.difference(gray.convert("RGB"), color).getbbox()
    unknown = httpx.get(f"{server.url}examples/none-colorized.jpg")
    assert (unknown.status_code, "example: found 'none'" in unknown.json()["error"]) == (404, True)
    assert wrong == []
    page.close()


def test_several_photos_are_a_strip_and_a_zip(server, browser):
    page, wrong = open_page(browser, server.url)
    sent = [
        {"name": name, "mimeType": "image/png", "buffer": photo(size, "PNG")}
        for name, size in (("one.png", (60, 40)), ("two.png", (50, 70)), ("one.png", (40, 40)))
    ]
    page.set_input_files("#file", sent)
    strip = page.locator("#strip button")
    expect(strip.locator("img")).to_have_count(3, timeout=60_000)
    strip.nth(1).click()
    expect(strip.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".result img.after")).to_have_js_property("naturalHeight", 70)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download plain as PNG").click()
    assert started.value.suggested_filename == "two-colorized.png"  # its own, whatever came last
    assert Image.open(started.value.path()).size == (50, 70)
    with page.expect_download() as started:
        page.locator("#zip").click()
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.testzip() is None
        found = {n: Image.open(archive.open(n)).size for n in archive.namelist()}
    assert found == {
        "one-colorized.jpg": (60, 40),
        "two-colorized.jpg": (50, 70),
        "one-colorized-2.jpg": (40, 40),
    }
    assert wrong == []
    # One that fails keeps no other one back, and is told of.
    busy = {"status": 503, "content_type": "application/json", "body": '{"error": "server: busy"}'}
    page.route("**/api/colorize", lambda route: route.fulfill(**busy), times=1)
    with page.expect_download() as started:
        page.locator("#zip").click()
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.namelist() == ["two-colorized.jpg", "one-colorized.jpg"]
    told = "Downloaded 2 of 3 photos. one.png: server: busy"
    expect(page.locator("#status.error")).to_have_text(told)
    page.close()


def test_the_page_names_the_scene_if_the_model_does(server, browser, tmp_path):
    save_scene_model(server.models / "scene <i>.safetensors")
    page, wrong = open_page(browser, server.url)
    page.click("[data-example=coffee]")
    expect(page.locator(".result")).to_have_count(1, timeout=60_000)
    page.locator("summary").click()
    page.get_by_role("checkbox", name="scene <i>").check()  # text, not HTML
    expect(page.locator(".result .scenes")).to_have_text(
        ["", "forêt 73%, beach 27%"], timeout=60_000
    )
    expect(page.locator(".result .scenes").first).to_be_hidden()
    assert wrong == []
    page.close()
    (server.models / "scene <i>.safetensors").unlink()


def test_what_nobody_waits_for_is_canceled(server, browser):
    page, _ = open_page(browser, server.url)
    page.route("**/api/colorize", lambda route: None)  # a server that never answers
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    expect(page.locator("#progress")).to_contain_text("Colorizing")
    with page.expect_event("requestfailed"):
        page.locator("#cancel").click()
    expect(page.locator("#status")).to_have_text("Canceled.")
    expect(page.locator("#progress")).to_be_hidden()
    page.close()


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
    expect(page.locator("body")).to_have_class("dragging")
    for kind in ("drop", "paste"):
        page.evaluate(send, [kind, data])
        expect(page.locator(f"#strip button[title='{kind}.jpg'] img")).to_be_attached(
            timeout=60_000
        )
    expect(page.locator("body")).not_to_have_class("dragging")
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
    page.evaluate("""() => {
        const send = window.fetch;
        window.forms = [];
        window.fetch = (path, options) => {
            if (options?.body) window.forms.push(Object.fromEntries(options.body));
            return send(path, options);
        };
    }""")
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    expect(page.locator(".result")).to_have_count(1, timeout=60_000)
    before = page.locator(".result .compare").screenshot()
    page.locator("#saturation").press("End")
    page.locator("#strength").press("Home")
    expect(page.locator("output")).to_have_text(["2", "0", "256"])
    assert page.locator(".result .compare").screenshot() != before  # here, at once
    assert len(page.evaluate("window.forms")) == 1
    page.locator("summary").click()
    page.locator("#render").press("Home")
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    page.wait_for_function("() => window.forms.length === 2")
    expect(page.locator("#progress")).to_be_hidden(timeout=60_000)
    with page.expect_download():
        page.get_by_role("button", name="Download plain as PNG").click()
    chosen = {"file": {}, "model": "plain"}
    first, again, saved = page.evaluate("window.forms")
    quick = {**chosen, "format": "jpeg", "response": "json"}
    assert first == {**quick, "render": "256"}
    assert again == {**quick, "render": "64"}
    assert saved == {**chosen, "render": "64", "saturation": "2", "strength": "0", "format": "png"}
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


def test_the_page_is_light(server, browser):
    """All that a first visit loads but the example photos."""
    page, _ = open_page(browser, server.url)
    files = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    own = {server.url, *(url for url in files if "/static/" in url)}
    assert len(own) > 8
    assert sum(len(httpx.get(url).content) for url in own) < 80_000
    page.close()
