"""The static site on a plain file server, in a real browser: what the command line answers, from
nowhere else, and without a network after the first load.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import gan_color
from gan_color.data import samples
from tests.helpers.file_server import file_server
from tests.helpers.web_photos import photo
from tests.helpers.web_server import is_local

RENDER = 128
PHOTOGRAPHS = {"coffee": samples.held_out(), **samples.photographs()}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def open_site(page: Page, url: str) -> list[str]:
    """Opens it until it is ready; returns a list of requests to elsewhere and of what fails."""
    wrong: list[str] = []
    here = url.split("/")[2]
    context = page.context  # the workers' requests too
    context.on("request", lambda r: None if is_local(r.url, here) else wrong.append(r.url))
    context.on(
        "response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status > 399 else None
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.goto(url)
    ready(page)
    return wrong


def ready(page: Page) -> None:
    expect(page.locator("#engine")).to_have_text("Works offline from now on.", timeout=120_000)
    page.locator("summary").evaluate("element => (element.parentElement.open = true)")
    page.locator("#render").evaluate(f"element => (element.value = {RENDER})")


def colorize(page: Page, path: Path) -> None:
    page.set_input_files("#file", path)
    done(page)


def done(page: Page) -> None:
    expect(page.locator("#progress")).to_be_hidden(timeout=120_000)
    expect(page.locator("#status")).to_contain_text("Done.", timeout=120_000)


def download(page: Page, kind: str = "PNG", answer: str = "my model") -> Image.Image:
    with page.expect_download(timeout=120_000) as started:
        page.get_by_role("button", name=f"Download {answer} as {kind}").click()
    return Image.open(io.BytesIO(Path(started.value.path()).read_bytes()))


def differences(found: Image.Image, expected: Image.Image) -> np.ndarray:
    both = [np.asarray(image.convert("RGB")).astype(int) for image in (found, expected)]
    assert both[0].shape == both[1].shape
    return np.abs(both[0] - both[1])


def difference(found: Image.Image, expected: Image.Image) -> int:
    """The largest, in 255ths."""
    return int(differences(found, expected).max())


def mean_difference(found: Image.Image, expected: Image.Image) -> float:
    return float(differences(found, expected).mean())


def test_it_answers_as_the_command_line_and_asks_nobody(site: Path, model: Path, page: Page):
    pipeline = gan_color.load(model)
    with file_server(site) as url:
        wrong = open_site(page, url)
        for name in ("coffee", "astronaut", "chelsea"):
            colorize(page, PHOTOGRAPHS[name])
            expected = pipeline.colorize(PHOTOGRAPHS[name], render=RENDER)
            assert difference(expected, Image.open(PHOTOGRAPHS[name])) > 20
            assert difference(download(page), expected) <= 2
        page.locator("#saturation").fill("1.5")
        page.locator("#strength").fill("0.6")
        options = {"render": RENDER, "saturation": 1.5, "strength": 0.6}
        assert difference(download(page), pipeline.colorize(PHOTOGRAPHS[name], **options)) <= 2
        assert download(page, "JPEG").format == "JPEG"
        expect(page.locator("#status")).to_contain_text("without what the photo's file says of")
        assert download(page, "WEBP").format == "WEBP"
        assert wrong == []


def test_it_works_without_a_network_after_the_first_load(site: Path, page: Page):
    with file_server(site) as url:
        wrong = open_site(page, url)
    page.context.set_offline(True)  # nor is there a server
    page.goto(url)
    ready(page)
    colorize(page, PHOTOGRAPHS["coffee"])
    assert download(page).size == Image.open(PHOTOGRAPHS["coffee"]).size
    assert wrong == []


def test_it_takes_a_persons_colors_as_the_command_line_does(
    site: Path, model: Path, page: Page, tmp_path: Path
):
    pipeline = gan_color.load(model)
    old = tmp_path / "old.png"
    old.write_bytes(photo((300, 200), "PNG"))
    with file_server(site) as url:
        wrong = open_site(page, url)
        colorize(page, old)
        for percent in ("20", "50"):
            page.get_by_role("button", name="Add a point").click()
            done(page)
            place = page.locator("#point-list input[type=number]").nth(-2)
            place.fill(percent)
            place.blur()
            done(page)
        hints = [(60, 100, "#c08050"), (150, 100, "#c08050")]
        expected = pipeline.colorize(old, render=RENDER, hints=hints)
        assert difference(expected, pipeline.colorize(old, render=RENDER)) > 20
        assert difference(download(page), expected) <= 2
        seen = PHOTOGRAPHS["chelsea"]
        page.set_input_files("#reference", seen)
        done(page)
        # The page makes a smaller JPEG of it first, whose colors are almost the same.
        like = pipeline.colorize(old, render=RENDER, hints=hints, reference=seen)
        found = download(page)
        assert mean_difference(found, like) < 0.1 * mean_difference(like, expected)
        assert wrong == []


def test_other_answers_are_those_of_the_command_line(site: Path, model: Path, page: Page):
    pipeline, coffee = gan_color.load(model), PHOTOGRAPHS["coffee"]
    answers = [pipeline.colorize(coffee, render=RENDER, variant=n) for n in range(5)]
    with file_server(site) as url:
        wrong = open_site(page, url)
        colorize(page, coffee)
        page.locator("#variants").click()
        expect(page.locator(".result")).to_have_count(5, timeout=120_000)
        done(page)
        for number in (1, 4):
            assert min(difference(answers[number], each) for each in answers[:number]) > 20
        found = {n: download(page, answer=f"my model, answer {n}") for n in (1, 4)}
        worst = {n: difference(image, answers[n]) for n, image in found.items()}
        assert max(worst.values()) <= 2, worst
        assert wrong == []


def test_what_is_brushed_stays_as_it_is_and_is_downloaded_so(site: Path, model: Path, page: Page):
    plain = gan_color.load(model).colorize(PHOTOGRAPHS["chelsea"], render=RENDER)
    truth = Image.open(PHOTOGRAPHS["chelsea"]).convert("RGB")
    with file_server(site) as url:
        wrong = open_site(page, url)
        colorize(page, PHOTOGRAPHS["chelsea"])
        page.locator("#brush").press("Enter")
        page.keyboard.press(" ")  # a dot in the middle
        page.wait_for_function("() => document.querySelector('.kept').strokes.length === 1")
        found = download(page)
        assert wrong == []
    radius = 0.08 / 2 * max(truth.size)
    rows, columns = np.indices(truth.size[::-1])
    distance = np.hypot(columns - truth.width / 2, rows - truth.height / 2)
    inside, outside = distance < radius - 2, distance > radius + 2
    assert differences(plain, truth)[inside].mean() > 5
    assert differences(found, truth)[inside].max() == 0
    assert differences(found, plain)[outside].max() <= 2
    assert 20 < (~inside & ~outside).sum() < inside.sum()  # the rim is somewhere between the two
    low, high = (f(np.asarray(plain), np.asarray(truth)) for f in (np.minimum, np.maximum))
    between = np.clip(np.asarray(found.convert("RGB")), low, high)
    assert differences(found, Image.fromarray(between)).max() <= 2


def test_errors_name_the_file_and_what_to_do(site: Path, page: Page, tmp_path: Path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("none")
    with file_server(site) as url:
        open_site(page, url)
        page.set_input_files("#file", bad)
        expect(page.locator("#status")).to_contain_text(
            "bad.jpg: found 4 bytes that this browser does not know as an image", timeout=60_000
        )
        page.set_input_files("#reference", bad)
        colorize(page, PHOTOGRAPHS["coffee"])  # it goes on
