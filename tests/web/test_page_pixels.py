"""The page looks as it did: four widths, two themes, before and after a photo, by pixels."""

import pytest
from PIL import Image

from tests.helpers.page_pixels import (
    REFERENCES,
    STATES,
    THEMES,
    WIDTH,
    WINDOWS,
    alike,
    difference,
    name_of,
    reduced,
    screens,
)

RENEW = "renew with `python -m tests.helpers.page_pixels`, and look at what it wrote"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WINDOWS)
def test_the_page_looks_as_it_did(server, browser, width, theme):
    for state, page in screens(browser, server.url, width, theme):
        found = reduced(page.screenshot())
        with Image.open(REFERENCES / name_of(state, width, theme)) as kept:
            assert kept.size == found.size
            off = difference(found, kept.convert("RGB"))
            assert alike(found, kept.convert("RGB")), (
                f"{state}: {off.mean():.1f} on average, {off.max():.0f} at worst; {RENEW}"
            )


def test_what_people_would_see_is_noticed_and_other_fonts_are_not(server, browser):
    changes = {
        "body { font-family: monospace !important; }": True,
        "h1, p, span, strong { letter-spacing: 0.3px; }": True,
        "#drop { visibility: hidden; }": False,
        "#hero { display: none !important; }": False,
        "body { background: #fff8d0 !important; }": False,
        "#welcome { direction: rtl; }": False,  # what was left is right
    }
    for state, page in screens(browser, server.url, 1280, "light"):
        if state != "welcome":
            continue
        before = reduced(page.screenshot())
        for rules, same in changes.items():
            page.evaluate(
                "rules => { const s = new CSSStyleSheet(); s.replaceSync(rules); "
                "document.adoptedStyleSheets = [s]; }",
                rules,
            )
            assert alike(reduced(page.screenshot()), before) == same, rules


def test_the_references_are_all_there_and_small():
    names = {name_of(s, w, t) for s in STATES for w in WINDOWS for t in THEMES}
    assert {path.name for path in REFERENCES.iterdir()} == names
    assert sum(path.stat().st_size for path in REFERENCES.iterdir()) < 200_000
    for path in REFERENCES.iterdir():
        with Image.open(path) as image:
            assert image.width == WIDTH
