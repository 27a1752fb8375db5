"""Near duplicates: candidates by hash, confirmed by comparing thumbnails."""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from scrapers.checks import duplicates
from scrapers.checks.color import SIDE, shrink
from scrapers.checks.inspect_image import Inspection
from scrapers.checks.rules import Rules
from scrapers.errors import KEEP
from scrapers.images import read_rgb

# A lossless copy is larger than the JPEG it was made from, and no better.
_LOSSY = ("JPEG", "MPO", "WEBP")


def _rank(found: Inspection) -> tuple[int, bool, int, int, str]:
    """Sort key, best first: more pixels, lossy format, more bytes, shorter name."""
    pixels = found.width * found.height
    if found.box:
        left, top, right, bottom = found.box
        pixels = round(pixels * (right - left) * (bottom - top))
    lossless = found.format not in _LOSSY
    # Sizes within about 5% tie: a cropped framed copy is no better than the original.
    return (
        -round(20 * math.log(max(1, pixels))),
        lossless,
        -found.bytes,
        len(found.file),
        found.file,
    )


def find_duplicates(folder: Path, kept: list[Inspection], rules: Rules) -> None:
    """Mark every copy of a better image as `duplicate-of:FILE`, across splits."""
    ranked = sorted(kept, key=_rank)
    own = np.array([found.hashes[0] for found in ranked], np.uint64)
    candidates: set[tuple[int, int]] = set()
    by_bytes: dict[str, int] = {}
    for i, found in enumerate(ranked):
        first = by_bytes.setdefault(found.sha256, i)
        if first != i:
            candidates.add((first, i))
    if len(own):
        distinct, back = np.unique(own, return_inverse=True)
        members: dict[int, list[int]] = {}
        for i, at in enumerate(back.tolist()):
            members.setdefault(at, []).append(i)
        for number in range(duplicates.VARIANTS):
            asked = np.array([found.hashes[number] for found in ranked], np.uint64)
            for query, at in duplicates.near(distinct, rules.duplicate_distance, asked).tolist():
                for other in members[at]:
                    if other != query:
                        candidates.add((min(query, other), max(query, other)))

    @lru_cache(maxsize=4096)
    def thumbnail(i: int) -> np.ndarray:
        found = ranked[i]
        rgb = shrink(read_rgb(folder / found.file, SIDE, rules.max_pixels))
        if found.box:
            height, width = rgb.shape[:2]
            left, top, right, bottom = found.box
            rgb = rgb[round(top * height) : round(bottom * height)]
            rgb = rgb[:, round(left * width) : round(right * width)]
        return duplicates.thumbnail(rgb)

    # Best first, so that copies are only compared with kept images, never chained.
    for better, worse in sorted(candidates):
        if ranked[better].verdict != KEEP or ranked[worse].verdict != KEEP:
            continue
        same = ranked[better].sha256 == ranked[worse].sha256
        score = 1.0 if same else duplicates.match(thumbnail(better), thumbnail(worse))
        if score >= rules.duplicate_match:
            found = ranked[worse]
            found.verdict = f"duplicate-of:{ranked[better].file}"
            found.reason = "same bytes" if same else f"thumbnail correlation {score:.2f}"
            found.score = score
