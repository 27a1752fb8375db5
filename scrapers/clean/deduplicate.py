"""Copies of one picture, found by their hashes and compared pixel by pixel."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from scrapers.checks import duplicates
from scrapers.checks.color import SIDE, shrink
from scrapers.checks.inspect_image import Examined
from scrapers.checks.rules import Rules
from scrapers.clean.scan import _rank
from scrapers.errors import KEEP
from scrapers.images import decode, identify, to_rgb


def find_duplicates(folder: Path, kept: list[Examined], rules: Rules) -> None:
    """Mark every picture that copies a better one: `duplicate-of:FILE`. Splits do not matter."""
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
        rgb = shrink(to_rgb(decode(identify(folder / found.file, rules.max_pixels), SIDE)))
        if found.box:
            height, width = rgb.shape[:2]
            left, top, right, bottom = found.box
            rgb = rgb[round(top * height) : round(bottom * height)]
            rgb = rgb[:, round(left * width) : round(right * width)]
        return duplicates.thumbnail(rgb)

    # The better first: whoever copies a copy is compared with what is kept, never chained.
    for better, worse in sorted(candidates):
        if ranked[better].verdict != KEEP or ranked[worse].verdict != KEEP:
            continue
        same = ranked[better].sha256 == ranked[worse].sha256
        score = 1.0 if same else duplicates.match(thumbnail(better), thumbnail(worse))
        if score >= rules.duplicate_match:
            found = ranked[worse]
            found.verdict = f"duplicate-of:{ranked[better].file}"
            found.reason = "same bytes" if same else f"thumbnails agree by {score:.2f}"
            found.score = score
