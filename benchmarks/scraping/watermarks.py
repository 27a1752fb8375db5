"""How many drawn watermarks `clean --watermarks` finds, and how many photographs it keeps."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.scraping.defects import some_photographs
from scrapers.checks.watermark import require_reader, watermark_verdict

PLACES = ("corner", "middle", "tiled")
TEXTS = {
    "a text that says what it is": (
        "© John Smith", "(c) Lena K.", "SAMPLE", "PREVIEW", "WATERMARK", "PROOF", "DRAFT",
        "COPYRIGHT", "Copyright 2019 A. Miller", "All rights reserved", "DO NOT COPY",
        "© 2021 Studio Nord", "Miller Photography", "www.photosite.com", "nordphoto.de",
        "shutterstock", "gettyimages", "alamy stock photo", "adobe stock", "iStock", "dreamstime",
    ),
    "a text that is a name, or a date": (
        "Anna Miller", "J. Okafor", "R. Tanaka", "Lumen & Sons", "pixelfox", "Bella Vista",
        "Nordlicht 2014", "12.05.2008",
    ),
}  # fmt: skip
FONTS = tuple(
    str(Path(get_data_path(), "fonts/ttf", f"{name}.ttf"))
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif")
)
VISIBLE = 40  # steps by which a mark changes what is under it: white on snow is not there


def watermarked(
    rgb: NDArray[np.uint8], text: str, place: str, luck: random.Random
) -> NDArray[np.uint8]:
    """A photograph [H, W, 3] with a text over it that can be seen. `place`: one of PLACES."""
    for _ in range(30):
        shape = _shape(rgb.shape[0], rgb.shape[1], text, place, luck)[..., None]
        opacity, tint = luck.uniform(0.35, 0.8), luck.choice((255, 255, 255, 0))
        values = rgb * (1 - shape * opacity) + tint * shape * opacity
        if np.abs(values - rgb)[shape[..., 0] > 0.5].mean() > VISIBLE:
            break
    return np.asarray(values.clip(0, 255), np.uint8)


def _shape(
    height: int, width: int, text: str, place: str, luck: random.Random
) -> NDArray[np.float32]:
    """Where the text is [H, W], 0 to 1."""
    size = luck.uniform(0.045, 0.08)
    if place != "corner":
        size = luck.uniform(0.07, 0.15)
    font = ImageFont.truetype(luck.choice(FONTS), max(11, round(min(height, width) * size)))
    while (box := font.getbbox(text))[2] - box[0] > 0.95 * width and font.size > 11:
        font = font.font_variant(size=font.size - 1)
    stamp = Image.new("L", (int(box[2] - box[0]) + 8, int(box[3] - box[1]) + 8))
    ImageDraw.Draw(stamp).text((4 - box[0], 4 - box[1]), text, 255, font)
    sheet = Image.new("L", (width, height))
    if place == "corner":
        left = luck.choice((5, max(0, width - stamp.width - 5)))
        sheet.paste(255, (left, height - stamp.height - 5), stamp)
        return np.asarray(np.asarray(sheet) / 255, np.float32)
    stamp = stamp.rotate(luck.choice((0, 0, 20, 30, -30, 45)), expand=True)
    if place == "middle":
        sheet.paste(255, ((width - stamp.width) // 2, (height - stamp.height) // 2), stamp)
    else:
        across, down = stamp.width * luck.uniform(1.05, 1.5), stamp.height * luck.uniform(1.3, 2.5)
        for row in range(-1, int(height / down) + 2):
            for column in range(-2, int(width / across) + 2):
                place_x = int(across * (column + row % 2 / 2))
                sheet.paste(255, (place_x, int(row * down)), stamp)
    return np.asarray(np.asarray(sheet) / 255, np.float32)


def bench_watermarks(folder: Path, most: int) -> str:
    """Read `most` photographs of a folder as they are, and with each kind of mark."""
    require_reader()
    files = some_photographs(folder, most)
    kept, right = [], Counter[tuple[str, str]]()
    for number, file in enumerate(files):
        with Image.open(file) as opened:
            rgb = np.asarray(opened.convert("RGB"))
        kept.append(watermark_verdict(rgb) is None)
        luck = random.Random(number)
        for kind, texts in TEXTS.items():
            for place in PLACES:
                marked = watermarked(rgb, luck.choice(texts), place, luck)
                right[kind, place] += watermark_verdict(marked) is not None
    lines = [f"{len(files)} photographs", f"kept as they are: {np.mean(kept):.1%}"]
    for kind in TEXTS:
        shares = (f"{place} {right[kind, place] / len(files):.0%}" for place in PLACES)
        lines.append(f"{kind}: {', '.join(shares)}")
    return "\n".join(lines)
