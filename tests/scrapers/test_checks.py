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
        (enlarged, "blurry"),
        (noisy, "noisy"),
        (half_gray, "half-gray"),
        (collage, "collage"),
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


def test_a_jpeg_of_quality_3_is_refused_by_its_own_tables(tmp_path):
    assert verdict(tmp_path, photo(1), 3) == "low-quality"
    assert verdict(tmp_path, photo(1), 25) == "keep"
