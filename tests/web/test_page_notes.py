"""What the page tells of a photo beside its answer, and where the focus is then."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from gan_color.hub.model_file import save_half
from tests.helpers.web_photos import photo
from tests.helpers.web_server import open_page


@pytest.mark.parametrize(
    ("kind", "note"), [("colored", "has colors already"), ("drawing", "drawing")]
)
def test_what_is_no_gray_photo_is_told_kindly(server, browser, kind, note):
    page, _ = open_page(browser, server.url)
    if kind == "colored":
        picture = Image.effect_noise((90, 60), 80)
        picture = Image.merge("RGB", [picture, picture.rotate(90).resize((90, 60)), picture])
    else:
        picture = Image.new("L", (200, 160), 255)
        ImageDraw.Draw(picture).ellipse((30, 30, 150, 120), outline=0, width=2)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    sent = {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.set_input_files("#file", sent)
    expect(page.locator("#note")).to_contain_text(note)
    sepia = Image.linear_gradient("L").resize((90, 60))
    sepia = Image.merge("RGB", [sepia.point(lambda v, k=k: v * k // 100) for k in (100, 80, 60)])
    buffer = io.BytesIO()
    sepia.save(buffer, "PNG")
    page.set_input_files("#file", {**sent, "buffer": buffer.getvalue()})
    expect(page.locator("#note")).to_be_hidden()
    page.close()


def test_a_png_of_16_bits_is_told_so_and_keeps_them(server, browser):
    page, wrong = open_page(browser, server.url)
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("I;16").point(lambda v: v * 257).save(buffer, "PNG")
    assert buffer.getvalue()[24] == 16
    sent = {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.set_input_files("#file", sent)
    expect(page.locator("#note")).to_have_text(re.compile("16 bits a channel: PNG keeps them"))
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download plain as PNG").click()
    assert Path(started.value.path()).read_bytes()[24] == 16
    page.set_input_files("#file", {**sent, "buffer": photo((60, 40), "PNG")})
    expect(page.locator("#strip button")).to_have_count(2)
    expect(page.locator("#note")).not_to_contain_text("16 bits")
    assert wrong == []
    page.close()


def test_what_the_server_alone_can_decode_is_told_kindly_too(server, browser):
    page, wrong = open_page(browser, server.url)
    buffer = io.BytesIO()
    noise = Image.effect_noise((90, 60), 80)
    Image.merge("RGB", [noise, noise.rotate(180), noise]).save(buffer, "TIFF")
    sent = {"name": "a.tif", "mimeType": "image/tiff", "buffer": buffer.getvalue()}
    page.set_input_files("#file", sent)
    expect(page.locator("#note")).to_contain_text("has colors already", timeout=60_000)
    assert page.locator(".result img.before").evaluate("e => e.naturalWidth") == 90
    assert wrong == []
    page.close()


def test_the_focus_is_at_the_result_of_what_was_pressed(server, browser):
    page, _ = open_page(browser, server.url)
    page.locator("[data-example=coffee]").press("Enter")
    expect(page.locator("#results")).to_be_focused(timeout=60_000)
    page.keyboard.press("Tab")
    slider = page.get_by_role("slider", name="Before and after, plain")
    expect(slider).to_be_focused()
    page.locator("summary").click()
    page.locator("#render").press("Home")
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    expect(page.locator("#render")).to_be_focused()  # it is not taken from what one is doing
    page.close()


def test_the_page_says_what_each_model_is_good_and_bad_at(server, browser):
    path = server.models / "told.safetensors"
    words = {"good_at": "people & <b>cats</b>", "bad_at": "cars"}
    save_half(server.models / "plain.safetensors", path, words)
    page, wrong = open_page(browser, server.url)
    page.locator("summary").evaluate("e => (e.parentElement.open = true)")
    told, plain = (page.locator(".model", has_text=name) for name in ("told", "plain"))
    expect(told).to_contain_text("Good at: people & <b>cats</b>.")  # text, not HTML
    expect(told).to_contain_text("Bad at: cars.")
    expect(plain).not_to_contain_text("ood at")
    assert wrong == []
    page.close()
    path.unlink()
