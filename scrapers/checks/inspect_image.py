"""Everything that is learnt from one picture, in one decoding."""

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from scrapers.checks import borders, color, drawing
from scrapers.checks.duplicates import variants
from scrapers.checks.rules import Rules
from scrapers.errors import KEEP, BadPictureError, Verdict
from scrapers.images import decode, identify, to_rgb


@dataclass
class Examined:
    """One picture's verdict and what later steps need. Plain values: it is kept as JSON."""

    file: str
    verdict: str = KEEP
    reason: str = ""
    score: float = 0.0
    sha256: str = ""
    width: int = 0  # upright
    height: int = 0
    bytes: int = 0
    format: str = ""
    chroma: float = 0.0  # mean C*
    hashes: list[int] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)  # rotate, cmyk, icc, 16-bit, crop
    box: list[float] = field(default_factory=list)  # of the crop, as shares of the upright picture

    def judged(self, verdict: Verdict) -> "Examined":
        self.verdict, self.reason, self.score = verdict.name, verdict.reason, verdict.score
        return self


def examine(folder: Path, name: str, rules: Rules) -> Examined:
    """Look at one file of a folder; whatever it is, an answer comes back."""
    found = Examined(name)
    path = folder / name
    try:
        data = path.read_bytes()
        found.bytes, found.sha256 = len(data), hashlib.sha256(data).hexdigest()
        image = identify(path, rules.max_pixels)
        found.width, found.height = image.size
        found.format = str(image.format)
        if verdict := _shape(image.size, rules):
            return found.judged(verdict)
        found.changes = _changes(image)
        if "rotate" in found.changes and image.getexif().get(0x0112, 1) >= 5:
            found.width, found.height = found.height, found.width
        rgb = to_rgb(decode(image, color.SIDE))
    except BadPictureError as error:
        return found.judged(error.verdict)
    except (OSError, MemoryError) as error:
        return found.judged(Verdict("corrupt", f"cannot be read: {error}", 1.0))
    return _look(rgb, found, rules)


def _shape(size: tuple[int, int], rules: Rules) -> Verdict | None:
    short, long = min(size), max(size)
    if short < rules.min_side:
        return Verdict("too-small", f"{size[0]} x {size[1]} pixels", short)
    if long / short > rules.max_aspect:
        return Verdict("too-small", f"aspect {long / short:.1f} to 1", long / short)
    return None


def _changes(image: Image.Image) -> list[str]:
    """What has to be done before a trainer sees the pixels as they were meant."""
    changes = []
    if image.getexif().get(0x0112, 1) in range(2, 9):
        changes.append("rotate")
    if image.mode == "CMYK":
        changes.append("cmyk")
    if image.mode.startswith("I"):
        changes.append("16-bit")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA"):
        try:
            opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(opened):
                changes.append("icc")
        except (ImageCms.PyCMSError, OSError, TypeError):
            changes.append("bad icc")
    return changes


def _look(rgb: np.ndarray, found: Examined, rules: Rules) -> Examined:
    small = color.shrink(rgb)
    # The upright picture's own edges: a rotated one is cropped after turning.
    if "rotate" not in found.changes and (cut := borders.box(small, _scaled(small, found, rules))):
        height, width = small.shape[:2]
        left, top, right, bottom = cut
        found.changes.append("crop")
        found.box = [left / width, top / height, right / width, bottom / height]
        small = small[top:bottom, left:right]
    measured = color.chroma(small)
    found.chroma = measured.mean
    found.hashes = variants(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8))
    if measured.high < rules.grey_chroma:
        verdict = color.judge(measured, rules)
    else:
        # Drawings come before tones: a chart in blue follows its lightness too.
        verdict = drawing.drawing_verdict(rgb, rules) or _plain(small, measured, rules)
        verdict = verdict or color.judge(measured, rules)
    return found.judged(verdict) if verdict else found


def _scaled(small: np.ndarray, found: Examined, rules: Rules) -> int:
    """The least border, in pixels of the shrunk picture."""
    if not rules.border:
        return 0
    scale = float(min(small.shape[:2])) / max(1, min(found.width, found.height))
    return max(2, int(rules.border * scale + 0.5))


def _plain(small: np.ndarray, measured: color.Chroma, rules: Rules) -> Verdict | None:
    bits = drawing.entropy(small)
    if bits < rules.min_entropy:
        return Verdict("clipart", f"low entropy: {bits:.1f} bits", bits)
    if measured.saturated > rules.saturated_share:
        share = measured.saturated
        return Verdict("clipart", f"over-saturated: {share:.0%} of it", share)
    return None
