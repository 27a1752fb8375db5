"""Pictures that are no good photographs are told from those that are."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scrapers.checks.inspect_image import inspect_image
from scrapers.checks.rules import Rules
from tests.fakes.image_server import synthetic

SEEDS = range(4)


def photo(seed: int, width: int = 320, height: int = 260) -> np.ndarray:
    data = synthetic(seed, width, height, 95)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def verdict(folder, rgb: np.ndarray, quality: int = 85) -> str:
    path = folder / "x.jpg"
    Image.fromarray(np.asarray(rgb, np.uint8)).save(path, quality=quality)
    return inspect_image(folder, "x.jpg", Rules()).verdict


def blurred(rgb, seed):
    return cv2.GaussianBlur(rgb, (0, 0), 5)


def shaken(rgb, seed):
    """A camera that moved by 19 pixels, along another line for each seed."""
    kernel = np.zeros((19, 19), np.uint8)
    x, y = np.round(9 * np.array((np.cos(seed), np.sin(seed)))).astype(int).tolist()
    cv2.line(kernel, (9 - x, 9 - y), (9 + x, 9 + y), 1)
    return cv2.filter2D(rgb, -1, kernel / kernel.sum())


def out_of_focus(rgb, seed):
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return cv2.filter2D(rgb, -1, disc / disc.sum())


def enlarged(rgb, seed):
    small = cv2.resize(rgb, (30, 24), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def noisy(rgb, seed):
    random = np.random.default_rng(seed)
    return (rgb + random.normal(0, 70, rgb.shape)).clip(0, 255)


def half_gray(rgb, seed):
    found = rgb.copy()
    part = (slice(None), slice(0, 160)) if seed % 2 else (slice(130, None), slice(None))
    found[part] = found[part].mean(axis=2, keepdims=True)
    return found


def collage(rgb, seed):
    sheet = np.full((286, 346, 3), 255 * (seed % 2), np.uint8)
    for i, (top, left) in enumerate(((0, 0), (0, 176), (146, 0), (146, 176))):
        sheet[top : top + 140, left : left + 170] = photo(seed + 10 + i, 170, 140)
    return sheet


def gutters(rgb, seed):
    """Two photographs with a narrow white or black band between them: two seams, side by side."""
    band = np.full((rgb.shape[0], 5, 3), 255 * (seed % 2), np.uint8)
    sheet = np.hstack((rgb, band, photo(seed + 20)))
    return sheet if seed < 2 else sheet.transpose(1, 0, 2)


def four_close(rgb, seed):
    """Four photographs with nothing between them."""
    others = [photo(seed + number) for number in (30, 40, 50)]
    return np.vstack((np.hstack((rgb, others[0])), np.hstack(others[1:])))


def brown(rgb, seed):
    gray = rgb.mean(axis=2, keepdims=True) / 255
    return np.array((60, 20, 0)) + gray * np.array((195, 180, 110))


def blue(rgb, seed):
    gray = rgb.mean(axis=2, keepdims=True) / 255
    return np.array((0, 10, 90)) + gray * np.array((180, 200, 165))


def screenshot(rgb, seed):
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


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rgb, seed: rgb, "keep"),
        (blurred, "blurry"),
        (shaken, "blurry"),
        (out_of_focus, "blurry"),
        (enlarged, "blurry"),
        (noisy, "noisy"),
        (half_gray, "half-gray"),
        (collage, "collage"),
        (gutters, "collage"),
        (four_close, "collage"),
        (brown, "sepia"),
        (blue, "sepia"),
        (screenshot, "clipart"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_kind_is_recognized_in_a_jpeg(tmp_path, change, expected, seed):
    assert verdict(tmp_path, change(photo(seed), seed)) == expected


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
