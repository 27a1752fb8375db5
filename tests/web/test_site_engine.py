"""What the static site computes in a browser, part by part, is what the command line computes."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Browser

from gan_color.color.ab_bins import bin_shares
from gan_color.data import samples
from gan_color.hub.model_file import load_model
from gan_color.images.decode import read
from gan_color.inference.palette import reference_palette
from gan_color.inference.palette_match import match_palette
from gan_color.inference.variants import variant_palettes
from gan_color.models.hints import mean_chroma, palette
from gan_color.web.colorize import read_mask
from gan_color.web.limits import Limits
from tests.helpers.file_server import file_server


def evaluate(site: Path, browser: Browser, script: str, argument: object) -> Any:
    """What a script that imports the site's modules gives in a page of the site."""
    page = browser.new_page(bypass_csp=True)
    with file_server(site) as url:
        page.goto(f"{url}about.txt")
        found = page.evaluate(script, argument)
    page.close()
    return found


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
    pixels = np.asarray(
        Image.open(samples.photographs()["chelsea"]).convert("RGBA").crop((0, 0, 90, 70))
    )
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


def test_palettes_of_other_answers_are_those_of_the_command_line(site, model, browser):
    bank = load_model(model).palettes
    ab = torch.rand(1, 2, 30, 46, generator=torch.Generator().manual_seed(1)) - 0.5
    contents = 3 * bank.contents + 0.1
    found = evaluate(
        site,
        browser,
        """async ([contents, ...values]) => {
            const { variantPalette } = await import("/static/engine/variants.js");
            const site = await (await fetch("/site.json")).json();
            const bank = await (await fetch(`/model/${site.models[0].palettes}`)).json();
            const planes = values.map((data) => ({ data, width: 46, height: 30 }));
            const { bins, bin_of: binOf } = site;
            const told = (content, n) => variantPalette(bank, content, planes, n, bins, binOf);
            return contents.map((content) => [1, 2, 3, 4].map((n) => [...told(content, n)]));
        }""",
        [contents.tolist(), *ab[0].flatten(1).tolist()],
    )
    for answers, content in zip(found, contents, strict=True):
        for number, told in enumerate(answers, start=1):
            expected = variant_palettes(bank, content[None], ab, number)[0]
            assert (torch.tensor(told) - expected).abs().max() < 1e-3
