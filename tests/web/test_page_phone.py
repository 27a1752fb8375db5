"""The page on a phone: the picture, what happens to it, and controls that a finger hits."""

import io

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.helpers.page_pixels import WINDOWS
from tests.helpers.web_server import open_page

PHONES = [width for width in WINDOWS if width < 400]
FINGER = 44  # pixels, https://www.w3.org/TR/WCAG22/#target-size-enhanced
# Controls that a touch somewhere in the FINGER pixels around their middle does not reach.
SMALL = """([finger, within]) => {
    const missed = [];
    const shown = (each) => each.checkVisibility() && !each.matches(".unseen, :disabled");
    const controls = `${within} :is(button, input, summary, a, label[for=file])`;
    for (const each of [...document.querySelectorAll(controls)].filter(shown)) {
        each.scrollIntoView({ block: "center" });
        const box = each.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
        const reach = finger / 2 - 1;
        const own = each.closest("label") ?? each;
        for (const [right, down] of [[0, 0], [reach, 0], [-reach, 0], [0, reach], [0, -reach]]) {
            const hit = document.elementFromPoint(x + right, y + down);
            if (!own.contains(hit)) missed.push([own.outerHTML, right, down, hit?.outerHTML]);
        }
    }
    scrollTo(0, 0);
    return missed;
}"""


def phone(width: int) -> dict:
    window = {"width": width, "height": WINDOWS[width]}
    return {"viewport": window, "is_mobile": True, "has_touch": True}


def send(page: Page, size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(buffer, "PNG")  # gray: there is nothing to note
    sent = {"name": "old.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.set_input_files("#file", sent)


def box_in_window(page: Page, locator: Locator) -> dict:
    """Where it is; the whole of it is in the window."""
    box = locator.bounding_box()
    assert box
    window = page.viewport_size
    assert window
    assert 0 <= box["x"] <= box["x"] + box["width"] <= window["width"], box
    assert 0 <= box["y"] <= box["y"] + box["height"] <= window["height"], box
    return box


def test_the_page_fits_a_phone_and_reports_errors(server, browser):
    page, wrong = open_page(browser, server.url, **phone(390))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    status = page.locator("#status")
    bad = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"none"}
    page.set_input_files("#file", bad)
    expect(status).to_contain_text("found 4 bytes that are not an image", timeout=60_000)
    assert [text for text in wrong if not text.startswith("422 ")] == []
    page.reload()
    page.locator("[data-example=coffee]").press("Enter")  # by keyboard
    expect(page.locator(".result")).to_be_visible(timeout=60_000)
    expect(status).to_contain_text("Done.", timeout=60_000)
    box = page.locator(".result .compare").bounding_box()
    assert box
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] < 844  # the result is what one sees
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


@pytest.mark.parametrize("size", [(600, 400), (400, 900)])
@pytest.mark.parametrize("width", PHONES)
def test_what_happens_is_told_beside_the_picture(server, browser, width, size):
    page, wrong = open_page(browser, server.url, **phone(width))
    for path in ("health", "colorize"):
        page.route(f"**/api/{path}", lambda route: None)  # a server that never answers
    send(page, size)
    cancel = page.locator("#cancel")
    expect(cancel).to_be_visible()
    controls = page.locator("#controls")
    expect(page.locator("#results")).to_be_in_viewport(ratio=1)  # the place of what comes
    for locator in (page.locator("#progress-text"), cancel):
        box = box_in_window(page, locator)
        assert box["y"] + box["height"] <= controls.bounding_box()["y"]
    cancel.tap()
    expect(page.locator("#status")).to_have_text("Canceled.")
    box_in_window(page, page.locator("#status"))

    page.unroute_all()
    send(page, size)
    status = page.locator("#status")
    expect(status).to_contain_text("Done.", timeout=60_000)
    told, picture = box_in_window(page, status), page.locator(".compare").last.bounding_box()
    assert told["y"] + told["height"] <= picture["y"]
    before_it = page.locator("#strip").bounding_box()["height"]
    assert picture["y"] - told["y"] - told["height"] < before_it + 64
    assert picture["y"] < 0.5 * WINDOWS[width]  # what one sees is the result
    shown = min(picture["y"] + picture["height"], WINDOWS[width]) - picture["y"]
    assert shown > 0.25 * WINDOWS[width]
    page.get_by_role("button", name="Download plain as PNG").scroll_into_view_if_needed()
    with page.expect_download():
        page.get_by_role("button", name="Download plain as PNG").tap()
    expect(status).to_have_text("Downloaded.")
    box_in_window(page, status)  # wherever one has scrolled to
    assert wrong == []
    page.close()


@pytest.mark.parametrize("width", PHONES)
def test_a_finger_hits_every_control(hinted, server, browser, width):
    page, wrong = open_page(browser, server.url, **phone(width))
    expect(page.locator("#hero")).to_be_visible(timeout=60_000)
    assert page.evaluate(SMALL, [FINGER, "body"]) == []
    send(page, (600, 400))
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    send(page, (300, 400))  # the strip, and the zip
    expect(page.locator("#strip img")).to_have_count(2, timeout=60_000)
    page.locator("summary").tap()
    page.locator("#point-add").tap()
    left = page.get_by_label("Distance from the left of point 1")
    left.fill("20")  # beside the line between before and after
    left.blur()
    page.set_input_files("#reference", "tests/fixtures/page/welcome-320-dark.png")
    expect(page.locator("#reference-clear")).to_be_visible()
    page.get_by_role("checkbox", name="plain").check()
    expect(page.locator(".result")).to_have_count(2, timeout=60_000)
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    page.locator("#brush").tap()
    page.locator(".brush").first.tap(position={"x": 30, "y": 30})
    page.locator("#brush").tap()
    expect(page.locator("#brush-clear")).to_be_visible()
    assert page.locator("button, input").count() > 40
    assert page.evaluate(SMALL, [FINGER, "body"]) == []
    color = page.get_by_label("Color of point 1", exact=True).last.input_value()
    # However soon the colors are there, the tap that asks for them chooses none.
    page.evaluate("HTMLImageElement.prototype.decode = () => Promise.resolve()")
    page.locator(".point").first.tap()
    expect(page.locator("#swatches")).to_be_visible()
    page.wait_for_timeout(300)
    expect(page.locator("#swatches")).to_be_visible()
    assert page.get_by_label("Color of point 1", exact=True).last.input_value() == color
    assert page.locator(".swatch").count() > 30
    assert page.evaluate(SMALL, [FINGER, "#swatches"]) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert wrong == []
    page.close()
