"""Shared by the tests of data."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of colorize images, one gray image, and what is no image."""
    generator = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for i in range(3):
            pixels = generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"a{i}_{label}.png")
    root = tmp_path / "set"
    Image.new("RGB", (40, 40), (90, 90, 90)).save(root / "dogs" / "gray_1.png")
    whole = (root / "cats" / "a0_cats.png").read_bytes()
    (root / "cats" / "cut_0.png").write_bytes(whole[: len(whole) // 2])
    (root / "cats" / "text_0.jpg").write_text("no image")
    (root / "notes.txt").write_text("left alone")
    return root
