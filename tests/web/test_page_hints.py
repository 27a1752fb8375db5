"""A person's colors on the page: by mouse, by keyboard, changed, taken back, and in the answer."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.web_photos import photo, write_hinted_model
from tests.helpers.web_server import open_page


@pytest.fixture(scope="module")
def hinted(server) -> None:
    """The server with one more model, which takes hints; the others do not."""
    path = server.models / "hinted.safetensors"
    write_hinted_model(path)
    yield
    path.unlink()


def open_with_photo(browser, url: str, folder: Path) -> tuple[Page, list[str]]:
    page, wrong = open_page(browser, url, viewport={"width": 1200, "height": 900})
    old = folder / "old.png"
    old.write_bytes(photo((300, 200), "PNG"))
    page.set_input_files("#file", old)
    return page, wrong


# What the page puts into its forms; the browser tells nobody the body of one with a file.
WATCH = """() => {
window.fields = [];
const append = FormData.prototype.append;
FormData.prototype.append = function (name, value, ...rest) {
  if (!(value instanceof Blob)) window.fields.push([name, value]);
  return append.call(this, name, value, ...rest);
};
}"""


def test_points_are_clicked_changed_and_taken_back(hinted, server, browser, tmp_path):
    page, wrong = open_with_photo(browser, server.url, tmp_path)
    canvas = page.locator("#hints")
    page.get_by_role("checkbox", name="plain").check()
    page.get_by_role("checkbox", name="hinted").uncheck()
    expect(canvas).to_be_hidden()
    page.get_by_role("checkbox", name="hinted").check()
    expect(canvas).to_be_visible()
    box = page.locator("#hint-photo").bounding_box()
    page.locator("#hint-color").fill("#3070c0")
    page.locator("#hint-photo").click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    page.locator("#hint-add").press("Enter")  # by keyboard, in the middle
    page.get_by_label("Column of point 2").fill("290")
    page.get_by_label("Column of point 2").press("Tab")
    page.get_by_label("Color of point 2").fill("#c06030")
    page.locator("#hint-add").click()
    expect(page.locator("#hint-points li")).to_have_count(3)
    page.locator("#hint-undo").click()
    expect(page.locator("#hint-points li")).to_have_count(2)
    expect(page.locator("#hint-marks i")).to_have_count(2)

    page.evaluate(WATCH)
    page.click("#colorize")
    expect(page.locator(".compare")).to_have_count(2, timeout=60_000)
    fields = page.evaluate("window.fields")
    assert [value for name, value in fields if name == "model"] == ["hinted", "plain"]
    (hints,) = [value for name, value in fields if name == "hints"]  # not for the other model
    found = json.loads(hints)
    assert found[1] == {"x": 290, "y": 100, "color": "#c06030"}
    assert (found[0]["color"], abs(found[0]["x"] - 75) <= 2, abs(found[0]["y"] - 100) <= 2) == (
        "#3070c0",
        True,
        True,
    )
    page.locator("#controls").screenshot(path=tmp_path / "controls.png")
    first = page.locator("img.after").first.get_attribute("src")
    page.get_by_role("button", name="Remove point 1").click()
    expect(page.locator("#hint-points li")).to_have_count(1)
    page.click("#colorize")
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    assert page.locator("img.after").first.get_attribute("src") != first
    assert wrong == []
    page.close()


def test_a_point_outside_is_answered_and_a_new_photo_has_no_points(
    hinted, server, browser, tmp_path
):
    page, _ = open_with_photo(browser, server.url, tmp_path)
    page.get_by_role("checkbox", name="hinted").check()
    page.locator("#hint-add").click()
    page.get_by_label("Row of point 1").fill("5000")
    page.get_by_label("Row of point 1").press("Tab")
    page.click("#colorize")
    expect(page.locator("#status")).to_contain_text("expected a pixel of the photo", timeout=60_000)
    other = tmp_path / "other.png"
    other.write_bytes(photo((80, 90), "PNG"))
    page.set_input_files("#file", other)
    expect(page.locator("#hint-points li")).to_have_count(0)
    page.close()
