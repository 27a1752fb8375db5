"""A person's colors on the page: by mouse, by keyboard, moved, taken back, and in the answer."""

import io
import json
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.helpers.web_photos import photo
from tests.helpers.web_server import hold_next, open_page

# What the page puts into its forms; the browser tells nobody the body of one with a file.
WATCH = """() => {
    const send = window.fetch;
    window.forms = [];
    window.fetch = (path, options) => {
        if (options?.body) window.forms.push(Object.fromEntries(options.body));
        return send(path, options);
    };
}"""

TOPMOST = """point => {
    const box = point.getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === point;
}"""


def open_with_photo(
    browser, url: str, size: tuple[int, int] = (300, 200)
) -> tuple[Page, list[str]]:
    page, wrong = open_page(browser, url, viewport={"width": 1200, "height": 900})
    page.evaluate(WATCH)
    sent = {"name": "old.png", "mimeType": "image/png", "buffer": photo(size, "PNG")}
    page.set_input_files("#file", sent)
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    return page, wrong


def answered(page: Page, count: int) -> list[dict]:
    """The forms that were sent, when so many were and nothing is on its way."""
    page.wait_for_function("count => window.forms.length >= count", arg=count)
    expect(page.locator("#progress")).to_be_hidden(timeout=60_000)
    forms = page.evaluate("window.forms")
    assert len(forms) == count
    return forms


def click_at(page: Page, x: float, y: float) -> None:
    box = page.locator(".result .compare").bounding_box()
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def swatch(page: Page, ring: int, number: int) -> Locator:
    return page.locator(".ring").nth(ring).locator("button").nth(number)


def test_points_are_clicked_moved_and_taken_back(hinted, server, browser):
    page, wrong = open_with_photo(browser, server.url)
    first = page.locator("img.after").last.get_attribute("src")
    click_at(page, 0.8, 0.25)
    expect(page.locator("#swatches")).to_be_visible()
    blue = swatch(page, 2, 9).get_attribute("title")  # 270 degrees
    swatch(page, 2, 9).click()
    expect(page.locator("#swatches")).to_be_hidden()
    (hint,) = json.loads(answered(page, 2)[1]["hints"])
    assert (abs(hint["x"] - 240) <= 1, abs(hint["y"] - 50) <= 1) == (True, True)
    assert hint["color"] == blue
    red, _, strong = (int(blue[i : i + 2], 16) for i in (1, 3, 5))
    assert strong > red
    assert page.locator("img.after").last.get_attribute("src") != first

    point = page.locator(".point")
    box, whole = point.bounding_box(), page.locator(".result .compare").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(whole["x"] + 0.1 * whole["width"], whole["y"] + 0.9 * whole["height"], steps=4)
    page.mouse.up()
    (moved,) = json.loads(answered(page, 3)[2]["hints"])
    assert (abs(moved["x"] - 30) <= 2, abs(moved["y"] - 180) <= 2) == (True, True)
    assert moved["color"] == blue

    point.click()  # another color, or none
    page.locator("#swatches").get_by_role("button", name="Delete").click()
    assert "hints" not in answered(page, 4)[3]
    expect(point).to_have_count(0)
    page.locator("#undo").click()
    assert json.loads(answered(page, 5)[4]["hints"]) == [moved]
    page.locator("#undo").click()
    assert json.loads(answered(page, 6)[5]["hints"]) == [hint]
    page.locator("#undo").click()
    assert "hints" not in answered(page, 7)[6]
    expect(page.locator("#undo")).to_be_disabled()
    page.locator("#redo").click()
    assert json.loads(answered(page, 8)[7]["hints"]) == [hint]
    assert wrong == []
    page.close()


def test_an_answer_that_comes_leaves_zoom_and_drag_as_they_are(hinted, server, browser):
    page, wrong = open_with_photo(browser, server.url)
    first = page.locator("img.after").last.get_attribute("src")
    page.get_by_role("button", name="Zoom in, a hinted").click()
    zoom = "document.querySelector('.content').style.getPropertyValue('--zoom')"
    assert page.evaluate(zoom) == "1.5"
    let_go = hold_next(page)
    page.locator("#point-add").click()
    point = page.locator(".point")
    box, whole = point.bounding_box(), page.locator(".result .compare").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)
    page.mouse.down()
    let_go()
    answered(page, 2)
    assert page.locator("img.after").last.get_attribute("src") != first
    assert page.evaluate(zoom) == "1.5"
    page.mouse.move(whole["x"] + 0.2 * whole["width"], whole["y"] + 0.2 * whole["height"], steps=4)
    page.mouse.up()
    (moved,) = json.loads(answered(page, 3)[2]["hints"])
    # 0.3 of the frame from its center is 0.2 of the picture, which is 300 x 200.
    assert (abs(moved["x"] - 90) <= 2, abs(moved["y"] - 60) <= 2) == (True, True)
    assert wrong == []
    page.close()


def test_a_photo_that_waits_is_asked_once_if_its_person_is_quicker(hinted, server, browser):
    page, wrong = open_page(browser, server.url, viewport={"width": 1200, "height": 900})
    page.evaluate(WATCH)
    let_go = hold_next(page)
    names = ("a.png", "b.png", "c.png")
    sent = {"mimeType": "image/png", "buffer": photo((300, 200), "PNG")}
    page.set_input_files("#file", [{"name": name, **sent} for name in names])
    page.locator("#strip").get_by_role("button", name="b.png").click()
    page.locator("#point-add").click()
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    let_go()
    expect(page.locator("#strip img")).to_have_count(3, timeout=60_000)
    assert page.evaluate("window.forms.map(({ file }) => file.name)") == list(names)
    assert wrong == []
    page.close()


def test_points_without_a_mouse(hinted, server, browser):
    page, wrong = open_with_photo(browser, server.url)
    page.locator("#point-add").press("Enter")
    answered(page, 2)
    # Where the line's handle does not hide it.
    assert page.locator(".point").evaluate(TOPMOST)
    left = page.get_by_label("Distance from the left of point 1")
    left.fill("90")
    left.press("Tab")
    answered(page, 3)
    page.locator("#point-list").get_by_label("Color of point 1").fill("#3070c0")
    (hint,) = json.loads(answered(page, 4)[3]["hints"])
    assert hint == {"x": 270, "y": 100, "color": "#3070c0"}
    page.get_by_role("button", name="Remove point 1").press("Enter")
    answered(page, 5)
    expect(page.locator("#point-list li")).to_have_count(0)
    for count in (6, 7):  # each where it is seen, on the wider side of the line
        page.locator("#point-add").press("Enter")
        answered(page, count)
    assert page.locator(".point").evaluate_all(f"all => all.every({TOPMOST})")
    page.locator(".result .compare input").fill("90")
    page.locator("#point-add").press("Enter")
    *_, last = json.loads(answered(page, 8)[7]["hints"])
    assert (last["x"], last["y"]) == (135, 100)
    assert wrong == []
    page.close()


def test_what_is_downloaded_is_the_whole_photo_with_the_same_points(hinted, server, browser):
    """The page works on a smaller copy; places are those of the photo."""
    page, wrong = open_with_photo(browser, server.url, (2400, 1200))
    click_at(page, 0.25, 0.5)
    swatch(page, 1, 3).click()
    (small,) = json.loads(answered(page, 2)[1]["hints"])
    assert (abs(small["x"] - 400) <= 3, abs(small["y"] - 400) <= 3) == (True, True)  # of 1600 x 800
    with page.expect_download(timeout=60_000) as started:
        page.get_by_role("button", name="Download a hinted as PNG").click()
    assert Image.open(started.value.path()).size == (2400, 1200)
    (whole,) = json.loads(answered(page, 3)[2]["hints"])
    assert (abs(whole["x"] - 600) <= 4, abs(whole["y"] - 600) <= 4) == (True, True)
    assert whole["color"] == small["color"]
    assert wrong == []
    page.close()


def test_a_reference_photo_gives_its_colors(hinted, server, browser):
    page, wrong = open_with_photo(browser, server.url)
    first = page.locator("img.after").last.get_attribute("src")
    buffer = io.BytesIO()
    Image.new("RGB", (900, 600), (190, 110, 60)).save(buffer, "PNG")
    like = {"name": "like.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.set_input_files("#reference", like)
    assert "reference" in answered(page, 2)[1]
    assert page.locator("img.after").last.get_attribute("src") != first
    page.locator("#reference-clear").click()
    assert "reference" not in answered(page, 3)[2]
    buffer = io.BytesIO()
    Image.new("RGB", (90, 60), (90, 90, 90)).save(buffer, "PNG")
    page.set_input_files("#reference", {**like, "buffer": buffer.getvalue()})
    answered(page, 4)
    expect(page.locator("#status")).to_contain_text("reference: found a gray photo")
    assert [text for text in wrong if not text.startswith("422 ")] == []
    page.close()


def test_one_of_several_answers_is_chosen_and_gone_on_with(hinted, server, browser):
    page, wrong = open_with_photo(browser, server.url)
    page.locator("#variants").click()
    assert [form.get("variant") for form in answered(page, 6)[1:]] == [None, "1", "2", "3", "4"]
    expect(page.locator(".result")).to_have_count(5)
    sources = page.locator("img.after").evaluate_all("all => all.slice(1).map(e => e.src)")
    assert len(set(sources)) == 5
    page.get_by_role("button", name="Go on with a hinted, answer 2").click()
    assert answered(page, 7)[6]["variant"] == "2"
    expect(page.locator(".result")).to_have_count(1)
    click_at(page, 0.75, 0.75)
    swatch(page, 1, 1).click()
    last = answered(page, 8)[7]
    assert (last["variant"], "hints" in last) == ("2", True)
    assert wrong == []
    page.close()


def test_models_without_hints_are_asked_for_none(hinted, server, browser):
    page, wrong = open_with_photo(browser, server.url)
    page.locator("summary").click()
    page.get_by_role("checkbox", name="plain").check()
    answered(page, 3)
    page.locator("#point-add").click()
    forms = answered(page, 5)[3:]
    assert {form["model"]: "hints" in form for form in forms} == {"a hinted": True, "plain": False}
    page.get_by_role("checkbox", name="a hinted").uncheck()
    expect(page.locator("#points")).to_be_hidden()
    assert wrong == []
    page.close()


def test_a_new_photo_has_no_points_and_keeps_those_of_the_others(
    hinted, server, browser, tmp_path: Path
):
    page, _ = open_with_photo(browser, server.url)
    page.locator("#point-add").click()
    answered(page, 2)
    other = {"name": "b.png", "mimeType": "image/png", "buffer": photo((80, 90), "PNG")}
    page.set_input_files("#file", other)
    assert "hints" not in answered(page, 3)[2]
    expect(page.locator("#point-list li")).to_have_count(0)
    page.locator("#strip button").first.click()
    expect(page.locator("#point-list li")).to_have_count(1)
    page.close()
