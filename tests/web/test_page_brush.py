"""Parts of the photo that stay as they are: by mouse, by keyboard, by touch, and downloaded."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.helpers.web_photos import photo
from tests.helpers.web_server import hold_next, open_page

SIZE = (300, 200)
PHOTO = photo(SIZE, "PNG")


def open_with_photo(browser, url: str, data: bytes = PHOTO, **options) -> tuple[Page, list[str]]:
    page, wrong = open_page(browser, url, **options)
    sent = {"name": "old.png", "mimeType": "image/png", "buffer": data}
    page.set_input_files("#file", sent)
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    page.get_by_role("slider", name="Before and after, plain").press("Home")  # all of it is "after"
    return page, wrong


def painted(page: Page) -> np.ndarray:
    """Where the page shows the photo itself: 0 to 255, [200, 300]."""
    shown = page.evaluate(
        """([width, height]) => {
        const context = new OffscreenCanvas(width, height).getContext("2d");
        context.drawImage(document.querySelector(".kept"), 0, 0, width, height);
        return [...context.getImageData(0, 0, width, height).data].filter((_, i) => i % 4 === 3);
    }""",
        SIZE,
    )
    return np.array(shown, np.uint8).reshape(SIZE[::-1])


def downloaded(page: Page, kind: str = "PNG") -> np.ndarray:
    with page.expect_download(timeout=60_000) as started:
        page.get_by_role("button", name=f"Download plain as {kind}").click()
    return np.asarray(Image.open(started.value.path()).convert("RGB")).astype(int)


def test_what_is_brushed_with_a_mouse_stays_and_is_downloaded_so(server, browser):
    large = photo((1800, 1200), "PNG")  # of which the page has a smaller copy
    page, wrong = open_with_photo(browser, server.url, large)
    plain = downloaded(page)
    page.locator("#brush").click()
    box = page.locator(".brush").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 1")
    mask = painted(page)
    assert mask[100, 225] == 255
    assert mask[:66].max() == 0
    truth = np.asarray(Image.open(io.BytesIO(large)).convert("RGB")).astype(int)
    found = downloaded(page)
    assert found.shape == (1200, 1800, 3)
    assert np.array_equal(found[600, 1200:1500], truth[600, 1200:1500])
    assert not np.array_equal(plain[600, 1200:1500], truth[600, 1200:1500])
    assert np.array_equal(found[:400], plain[:400])
    page.locator("#undo").click()
    expect(page.locator("#brush-clear")).to_be_hidden()
    assert np.array_equal(downloaded(page), plain)
    page.locator("#redo").click()
    assert painted(page)[100, 225] == 255
    page.locator("#brush-clear").click()
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 0")
    assert painted(page).max() == 0
    assert wrong == []
    page.close()


def test_the_brush_by_keyboard_alone(server, browser):
    page, wrong = open_with_photo(browser, server.url)
    page.locator("#brush").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".brush")).to_be_focused()
    page.keyboard.press(" ")  # a dot in the middle
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 2")
    mask = painted(page)
    assert mask[100, 150] == mask[103, 210] == 255
    assert mask[100, 180] == 0  # moved over, not painted
    expect(page.locator(".brush")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".brush")).to_have_count(0)
    expect(page.locator("#brush")).to_be_focused()
    assert wrong == []
    page.close()


def test_the_brush_by_touch(server, browser):
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    page, wrong = open_with_photo(browser, server.url, **phone)
    page.locator("#brush").tap()
    box = page.locator(".brush").bounding_box()
    page.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 1")
    assert painted(page)[50, 225] == 255
    expect(page.locator("#swatches")).to_be_hidden()  # no color is asked for
    assert wrong == []
    page.close()


def test_full_screen_shows_all_that_was_brushed(server, browser):
    page, wrong = open_with_photo(browser, server.url)
    page.get_by_role("slider", name="Before and after, plain").press("End")  # all of it is "before"
    clip = "() => getComputedStyle(document.querySelector('.kept')).clipPath"
    assert page.evaluate(clip) != "none"
    page.get_by_role("button", name="Full screen, plain").click()
    page.wait_for_function("() => document.fullscreenElement?.matches('.compare')")
    assert page.evaluate(clip) == "none"
    assert wrong == []
    page.close()


def test_a_stroke_goes_on_when_an_answer_comes(server, browser):
    page, wrong = open_with_photo(browser, server.url)
    let_go = hold_next(page)
    page.locator("summary").click()
    page.locator("#render").fill("64")
    expect(page.locator("#progress")).to_be_visible()
    page.locator("#brush").click()
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(".brush").bounding_box()
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.1 * box["width"], y, steps=4)
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 1")
    let_go()
    expect(page.locator("#progress")).to_be_hidden(timeout=60_000)
    assert painted(page)[100, 165] == 255
    page.mouse.move(x + 0.4 * box["width"], y, steps=4)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.brush').underWay.length === 0")
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 1")
    assert painted(page)[100, [165, 255]].tolist() == [255, 255]
    assert wrong == []
    page.close()


@pytest.mark.parametrize("zoom", [1, 2])
def test_a_stroke_is_where_the_pointer_was_also_when_zoomed(server, browser, zoom):
    page, _ = open_with_photo(browser, server.url)
    for _ in range(zoom - 1):
        page.get_by_role("button", name="Zoom in, plain").click()
    page.locator("#brush").click()
    box = page.locator(".brush").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_function("() => document.querySelector('.kept').strokes.length === 1")
    share = 0.5 + 0.25 / (1.5 if zoom == 2 else 1)
    rows, columns = np.nonzero(painted(page) == 255)
    assert abs(columns.mean() - share * SIZE[0]) < 2
    assert abs(rows.mean() - SIZE[1] / 2) < 2
    page.close()
