"""What the page looks like: screenshots so small and blurred that fonts do not matter.

`python -m tests.helpers.page_pixels` renews the references; look at them before they are kept.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.helpers.web_photos import photo
from tests.helpers.web_server import CHROMIUM, Server, open_page

REFERENCES = Path(__file__).parents[1] / "fixtures" / "page"
WINDOWS = {1280: 800, 1920: 1080, 390: 844, 320: 640}  # width: height
THEMES = ("light", "dark")
STATES = ("welcome", "colorized")
WIDTH = 64  # pixels of a reference
# Differences of 0..255: on average, and in the worst of a reference's pixels.
MEAN, WORST = 3.0, 40.0


def name_of(state: str, width: int, theme: str) -> str:
    return f"{state}-{width}-{theme}.png"


def screens(browser: Browser, url: str, width: int, theme: str) -> Iterator[tuple[str, Page]]:
    """The page in each of STATES, in a window of that width, nothing moving."""
    window = {"width": width, "height": WINDOWS[width]}
    page, wrong = open_page(
        browser, url, viewport=window, color_scheme=theme, reduced_motion="reduce"
    )
    expect(page.locator("#hero")).to_be_visible(timeout=60_000)
    page.wait_for_function(
        "() => [...document.images].filter(i => i.checkVisibility() && i.src)"
        ".every(i => i.complete && i.naturalWidth)"
    )
    yield "welcome", page
    sent = {"name": "old.png", "mimeType": "image/png", "buffer": photo((600, 400), "PNG")}
    page.set_input_files("#file", sent)
    expect(page.locator("#status")).to_contain_text("Done.", timeout=60_000)
    page.evaluate("window.scrollTo(0, 0)")
    yield "colorized", page
    assert wrong == []
    page.close()


def reduced(screenshot: bytes) -> Image.Image:
    """A screenshot as a reference is kept: WIDTH wide, blurred."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    scale = image.width / WIDTH
    image = image.filter(ImageFilter.GaussianBlur(scale))
    return image.resize((WIDTH, round(image.height / scale)), Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> NDArray[np.float64]:
    """[H, W] of 0 to 255; the largest of the three channels."""
    pixels = [np.asarray(each, np.float64) for each in (one, other)]
    found: NDArray[np.float64] = np.abs(pixels[0] - pixels[1]).max(axis=2)
    return found


def alike(one: Image.Image, other: Image.Image) -> bool:
    if one.size != other.size:
        return False
    found = difference(one, other)
    return bool(found.mean() <= MEAN and found.max() <= WORST)


def write(folder: Path, full: Path | None = None) -> None:
    """Renew the references; `full` gets the screenshots themselves, to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        server = Server(Path(temporary))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            for width in WINDOWS:
                for theme in THEMES:
                    for state, page in screens(browser, server.url, width, theme):
                        data = page.screenshot()
                        reduced(data).save(folder / name_of(state, width, theme), optimize=True)
                        if full is not None:
                            (full / name_of(state, width, theme)).write_bytes(data)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    looked_at = Path(tempfile.mkdtemp(prefix="page-"))
    write(REFERENCES, looked_at)
    sys.stdout.write(f"renewed {REFERENCES}; the screenshots themselves are in {looked_at}\n")
