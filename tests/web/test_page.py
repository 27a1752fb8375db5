"""The page in a real browser."""

import re

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.helpers.runs import save_scene_model
from tests.helpers.web_photos import photo
from tests.helpers.web_server import open_page


def test_upload_colorize_compare_and_download(server, browser, tmp_path):
    page, wrong = open_page(browser, server.url, viewport={"width": 1200, "height": 800})
    old = tmp_path / "old.png"
    old.write_bytes(photo((300, 200), "PNG"))
    page.set_input_files("#file", old)
    page.get_by_role("checkbox", name="run").check()
    page.click("#colorize")
    expect(page.locator(".compare")).to_have_count(2, timeout=60_000)
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
    expect(status).to_contain_text("found 4 bytes that are not an image", timeout=60_000)
    assert [text for text in wrong if not text.startswith("422 ")] == []
    page.locator("[data-example=coffee]").press("Enter")  # by keyboard
    expect(page.locator("#preview")).to_be_visible()
    page.locator("#colorize").press("Enter")
    expect(page.locator(".compare")).to_be_visible(timeout=60_000)
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
    expect(page.locator(".compare")).to_have_count(1, timeout=60_000)
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
