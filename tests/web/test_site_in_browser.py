"""The static site on a plain file server, in a real browser: what the command line answers, from
nowhere else, and without a network after the first load.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import gan_color
from gan_color.color.ab_bins import bin_shares
from gan_color.data import samples
from gan_color.images.decode import read
from gan_color.inference.palette import reference_palette
from gan_color.inference.palette_match import match_palette
from gan_color.models.hints import mean_chroma, palette
from gan_color.web import site as sites
from gan_color.web.colorize import read_mask
from gan_color.web.limits import Limits
from tests.helpers.file_server import file_server
from tests.helpers.onnxruntime_web import real_package
from tests.helpers.web_photos import photo
from tests.helpers.web_server import is_local

RENDER = 128
PHOTOGRAPHS = {"coffee": samples.held_out(), **samples.photographs()}


@pytest.fixture(scope="module")
def site(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = real_package()
    folder = tmp_path_factory.mktemp("sites") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "EXAMPLES", ("coffee",))
        sites.write_site(model, folder, package)
    return folder


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


def download(page: Page, kind: str = "PNG") -> Image.Image:
    with page.expect_download(timeout=120_000) as started:
        page.get_by_role("button", name=f"Download my model as {kind}").click()
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


def evaluate(site: Path, browser: Browser, script: str, argument: object) -> Any:
    """What a script that imports the site's modules gives in a page of the site."""
    page = browser.new_page(bypass_csp=True)
    with file_server(site) as url:
        page.goto(f"{url}about.txt")
        found = page.evaluate(script, argument)
    page.close()
    return found


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
        expect(page.locator("#variants")).to_be_hidden()  # the file has none
        seen = PHOTOGRAPHS["chelsea"]
        page.set_input_files("#reference", seen)
        done(page)
        # The page makes a smaller JPEG of it first, whose colors are almost the same.
        like = pipeline.colorize(old, render=RENDER, hints=hints, reference=seen)
        found = download(page)
        assert mean_difference(found, like) < 0.1 * mean_difference(like, expected)
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


def test_a_mask_is_enlarged_as_the_server_does(site: Path, browser: Browser):
    mask = Image.effect_noise((9, 7), 90)
    found = evaluate(
        site,
        browser,
        """async (values) => {
            const { keptRows } = await import("/static/engine/keep.js");
            const mask = { data: Uint8ClampedArray.from(values), width: 9, height: 7 };
            const row = keptRows(mask, 40, 31);
            return Array.from({ length: 31 }, (_, y) => [...row(y)]);
        }""",
        np.asarray(mask.convert("RGBA")).flatten().tolist(),
    )
    image = read(np.zeros((31, 40, 3), np.uint8))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    expected = read_mask(buffer.getvalue(), image, Limits())
    assert expected is not None
    assert np.abs(np.rint(255 * np.array(found)) - expected).max() <= 1


def test_a_reference_has_the_palette_that_the_command_line_reads(site: Path, browser: Browser):
    pixels = np.asarray(Image.open(PHOTOGRAPHS["chelsea"]).convert("RGBA").crop((0, 0, 90, 70)))
    found = evaluate(
        site,
        browser,
        """async (values) => {
            const { referencePalette } = await import("/static/engine/palette.js");
            const { sizeAt } = await import("/static/engine/pipeline.js");
            const site = await (await fetch("/site.json")).json();
            const photo = { data: Uint8ClampedArray.from(values), width: 90, height: 70 };
            return [...referencePalette(photo, site.bin_of, site.models[0].palette, sizeAt)];
        }""",
        pixels.flatten().tolist(),
    )
    expected = reference_palette(read(pixels[..., :3].copy())).vector()[0].numpy()
    assert len(found) == len(expected)
    assert np.abs(np.array(found) - expected).max() < 0.03
    assert np.abs(np.array(found)[-3:] - expected[-3:]).max() < 1e-3


def test_an_answer_is_brought_to_a_palette_as_the_command_line_does_it(
    site: Path, browser: Browser
):
    generator = torch.Generator().manual_seed(0)
    ab, truth = 0.1 * torch.randn(2, 1, 2, 24, 24, generator=generator) + 0.03
    ab[:, 1] *= 0.5
    ab[..., 0] = 0
    known = torch.ones(1)
    told = palette(bin_shares(truth), known, mean_chroma(truth), known)
    found = evaluate(
        site,
        browser,
        """async ([planes, told]) => {
            const { matchPalette } = await import("/static/engine/palette.js");
            const { bins } = await (await fetch("/site.json")).json();
            const given = planes.map((values) => ({ data: Float32Array.from(values) }));
            const matched = matchPalette(given, Float32Array.from(told), bins);
            return matched.map((plane) => [...plane.data]);
        }""",
        [ab[0].flatten(1).tolist(), told[0].tolist()],
    )
    expected = match_palette(ab, told)[0].flatten(1)
    assert (torch.tensor(found) - expected).abs().max() < 1e-4
    assert (expected - ab[0].flatten(1)).abs().max() > 0.05


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
