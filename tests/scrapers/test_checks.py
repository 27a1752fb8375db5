"""Pictures that are no good photographs are told from those that are."""

import io

import cv2
import numpy as np
import pytest
import skimage
from PIL import Image, ImageDraw, ImageFont

from benchmarks.scraping.defects import DEFECTS as MEASURED
from benchmarks.scraping.defects import (
    bench_defects,
    collage,
    enlarged,
    half_gray,
    noisy,
    out_of_focus,
    shaken,
    toned,
)
from scrapers.checks.color import shrink
from scrapers.checks.inspect_image import inspect_image
from scrapers.checks.rules import Rules
from scrapers.errors import ScraperError
from tests.fakes.photographs import synthetic

SEEDS = range(4)


def photo(seed: int, width: int = 320, height: int = 260) -> np.ndarray:
    data = synthetic(seed, width, height, 95)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def verdict(folder, rgb: np.ndarray, quality: int = 85) -> str:
    path = folder / "x.jpg"
    Image.fromarray(np.asarray(rgb, np.uint8)).save(path, quality=quality)
    return inspect_image(folder, "x.jpg", Rules()).verdict


def gutters(seed):
    """Two photographs with a narrow white or black band between them: two seams, side by side."""
    rgb = photo(seed)
    band = np.full((rgb.shape[0], 5, 3), 255 * (seed % 2), np.uint8)
    sheet = np.hstack((rgb, band, photo(seed + 20)))
    return sheet if seed < 2 else sheet.transpose(1, 0, 2)


def screenshot(seed):
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (640, 480), (246, 246, 242))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=14)
    for _ in range(8):
        x, y, width, height = random.integers((0, 0, 30, 30), (560, 420, 200, 120)).tolist()
        color = tuple(random.integers(0, 255, 3).tolist())
        draw.rectangle((x, y, x + width, y + height), fill=color)
    for line in range(20):
        draw.text((20, 22 * line), "File Edit View 42 lorem ipsum total " * 2, (20, 20, 20), font)
    return np.asarray(image)


DEFECTS = {
    "blurred": ("blurry", lambda rgb, *_: cv2.GaussianBlur(rgb, (0, 0), 2)),
    "shaken": ("blurry", shaken(19)),
    "out of focus": ("blurry", out_of_focus(4)),
    "enlarged": ("blurry", enlarged(10)),
    "noisy": ("noisy", noisy(70)),
    "half gray": ("half-gray", half_gray),
    "gutters": ("collage", collage(6, 2)),
    "four close": ("collage", collage(0, 2)),
    "brown": ("sepia", toned((60, 20, 0), (255, 200, 110))),
    "blue": ("sepia", toned((0, 10, 90), (180, 210, 255))),
}


@pytest.mark.parametrize(("expected", "change"), DEFECTS.values(), ids=DEFECTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_defect_of_a_photograph_is_recognized_in_a_jpeg(tmp_path, expected, change, seed):
    found = change(photo(seed), photo(seed + 20), np.random.default_rng(seed))
    assert verdict(tmp_path, found.clip(0, 255)) == expected


@pytest.mark.parametrize(
    ("scene", "expected"),
    [(photo, "keep"), (gutters, "collage"), (screenshot, "clipart")],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_scene_is_what_it_is_in_a_jpeg(tmp_path, scene, expected, seed):
    assert verdict(tmp_path, scene(seed)) == expected


def test_a_camera_that_moved_along_any_line_is_seen(tmp_path):
    """Across that line everything stays as sharp as it was."""
    for name in ("astronaut", "coffee"):
        rgb = shrink(getattr(skimage.data, name)())
        assert verdict(tmp_path, rgb, 90) == "keep"
        for seed in SEEDS:
            moved = shaken(25)(rgb, rgb, np.random.default_rng(seed))
            assert verdict(tmp_path, moved, 90) == "blurry"


@pytest.mark.parametrize("background", [(255, 255, 255), (150, 190, 230)], ids=["white", "sky"])
def test_a_thing_before_a_plain_background_is_a_photograph(tmp_path, background):
    for seed in SEEDS:
        rgb = photo(seed, 640, 520)
        mask = np.zeros(rgb.shape[:2], np.uint8)
        cv2.ellipse(mask, (320, 260), (190, 130), 20, 0, 360, 255, -1)
        soft = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None] / 255
        scene = (rgb * soft + np.array(background) * (1 - soft)).astype(np.uint8)
        assert verdict(tmp_path, scene, 90) == "keep"
        Image.fromarray(scene).save(tmp_path / "x.png")
        assert inspect_image(tmp_path, "x.png", Rules()).verdict == "keep"


def clouds_in_a_sky(seed):
    """Blue to white, with dark birds and shaded clouds, which are neutral."""
    light = photo(seed).mean(axis=2).astype(np.float32)
    white = cv2.GaussianBlur(light, (0, 0), 6)[..., None] / 255
    scene = np.array((105, 150, 215)) * (1 - white) + 250 * white
    shade = np.linspace(-4, 0.62, len(light)).clip(0, 1)[:, None, None]
    scene = scene * (1 - shade) + (130 + 80 * white) * shade
    random = np.random.default_rng(seed)
    for x, y in random.integers((20, 20), (300, 240), (12, 2)).tolist():
        cv2.ellipse(scene, (x, y), (16, 5), 30, 0, 360, (30, 30, 32), -1)
    return scene + random.normal(0, 3, scene.shape)


def fire_at_night(seed):
    """Strong colors that lightness explains, in one place of a black picture."""
    scene = np.zeros((260, 320, 3), np.float32)
    random = np.random.default_rng(seed)
    for _ in range(40):
        x, y = random.normal((160, 120), (20, 35)).astype(int).tolist()
        cv2.circle(scene, (x, y), int(random.integers(2, 9)), (255, 90, 15), -1)
    glow = cv2.GaussianBlur(scene, (0, 0), 25)
    return (np.maximum(scene, glow) + 12 + random.normal(0, 4, scene.shape)).clip(0, 255)


def red_below_the_middle(seed):
    """A white and black thing that is colored below the middle."""
    rgb = photo(seed)
    part = np.linspace(-14, 5, len(rgb)).clip(0, 1)[:, None, None]
    return rgb * part + rgb.mean(axis=2, keepdims=True) * (1 - part)


@pytest.mark.parametrize("scene", [clouds_in_a_sky, fire_at_night, red_below_the_middle])
@pytest.mark.parametrize("seed", SEEDS)
def test_colors_of_one_kind_or_place_are_no_defect(tmp_path, scene, seed):
    assert verdict(tmp_path, scene(seed).clip(0, 255), 92) == "keep"


def test_a_jpeg_of_quality_3_is_refused_by_its_own_tables(tmp_path):
    assert verdict(tmp_path, photo(2), 3) == "low-quality"
    assert verdict(tmp_path, photo(2), 25) == "keep"


def test_the_benchmark_counts_what_is_kept_and_found(tmp_path):
    for seed in (2, 3):
        Image.fromarray(photo(seed)).save(tmp_path / f"{seed}.jpg", quality=95)
    first, kept, *found = bench_defects(tmp_path, 5).splitlines()
    assert (first, kept) == ("2 photographs", "kept as they are: 100.0%")
    assert len(found) == len(MEASURED)
    assert "noise of 50 steps: 100% noisy" in found
    (tmp_path / "2.jpg").unlink()
    with pytest.raises(ScraperError, match="found 1 JPEG or PNG files"):
        bench_defects(tmp_path, 5)
