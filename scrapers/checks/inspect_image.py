"""All checks of one image, in one decode."""

import io
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from scrapers.checks import borders, color, drawing, layout, quality, watermark
from scrapers.checks.duplicates import variants
from scrapers.checks.rules import Rules
from scrapers.errors import KEEP, BadImageError, Verdict
from scrapers.files import sha256
from scrapers.images import (
    ORIENTATION,
    decode,
    identify,
    is_turned,
    read_rgb,
    require_file,
    to_rgb,
    upright,
)


@dataclass(slots=True)
class Inspection:
    """One image's verdict and what later steps need; stored as JSON."""

    file: str
    verdict: str = KEEP
    reason: str = ""
    score: float = 0.0
    sha256: str = ""
    width: int = 0  # after EXIF rotation
    height: int = 0
    bytes: int = 0
    format: str = ""
    chroma: float = 0.0  # mean C*
    hashes: Sequence[int] = ()
    changes: Sequence[str] = ()  # rotate, cmyk, icc, 16-bit, crop
    box: Sequence[float] = ()  # the crop, as fractions of the upright image

    def with_verdict(self, verdict: Verdict) -> "Inspection":
        self.verdict, self.reason, self.score = verdict.name, verdict.reason, verdict.score
        return self

    def compact(self, file: str) -> "Inspection":
        """The same in a third of the memory: a folder may have a million. `file`: its name."""
        self.file = file
        self.verdict, self.format = sys.intern(self.verdict), sys.intern(self.format)
        self.hashes = array("Q", self.hashes)
        self.changes, self.box = tuple(self.changes), tuple(self.box)
        return self


def inspect_image(folder: Path, name: str, rules: Rules) -> Inspection:
    """Check one file of a folder; never raises for a bad file."""
    found = Inspection(name)
    path = folder / name
    try:
        require_file(path)
        data = path.read_bytes()
        found.bytes, found.sha256 = len(data), sha256(data)
        image = identify(path, rules.max_pixels)
        found.width, found.height = image.size
        found.format = str(image.format)
        if verdict := _shape(image.size, rules):
            return found.with_verdict(verdict)
        found.changes = _changes(image)
        if "rotate" in found.changes and image.getexif().get(ORIENTATION, 1) >= 5:
            found.width, found.height = found.height, found.width
        poor = quality.compression_verdict(image, rules)
        found = _check_pixels(to_rgb(upright(decode(image, color.SIDE))), found, rules)
        # What a file says of itself comes first: its blocks may look like seams.
        if poor:
            return found.with_verdict(poor)
        if found.verdict == KEEP and rules.watermarks:
            rgb = read_rgb(path, max(watermark.SIDES), rules.max_pixels)  # larger: text is small
            if marked := watermark.watermark_verdict(rgb):
                return found.with_verdict(marked)
        return found
    except BadImageError as error:
        return found.with_verdict(error.verdict)
    except (OSError, MemoryError) as error:
        return found.with_verdict(Verdict("corrupt", f"unreadable: {error}", 1.0))


def _shape(size: tuple[int, int], rules: Rules) -> Verdict | None:
    short, long = min(size), max(size)
    if short < rules.min_side:
        return Verdict("too-small", f"{size[0]} x {size[1]} pixels", short)
    if long / short > rules.max_aspect:
        return Verdict("too-small", f"aspect {long / short:.1f} to 1", long / short)
    return None


def _changes(image: Image.Image) -> list[str]:
    """What `normalize` has to change so that a trainer sees the intended pixels."""
    changes = []
    if is_turned(image):
        changes.append("rotate")
    if image.mode == "CMYK":
        changes.append("cmyk")
    if image.mode.startswith("I"):
        changes.append("16-bit")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "P"):
        try:
            opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(opened):
                changes.append("icc")
        except (ImageCms.PyCMSError, OSError, TypeError):
            changes.append("bad icc")
    return changes


def _check_pixels(rgb: np.ndarray, found: Inspection, rules: Rules) -> Inspection:
    small = color.shrink(rgb)
    if cut := borders.box(small, _min_border(small, found, rules)):
        height, width = small.shape[:2]
        left, top, right, bottom = cut
        found.changes = [*found.changes, "crop"]
        found.box = [left / width, top / height, right / width, bottom / height]
        small = small[top:bottom, left:right]
    stats = color.chroma(small)
    found.chroma = stats.mean
    luma = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    found.hashes = variants(luma)
    if stats.high < rules.gray_chroma:
        verdict = color.chroma_verdict(stats, rules)
    else:
        # Drawings first: in a blue chart, ab follows lightness too.
        verdict = (
            drawing.drawing_verdict(rgb, rules)
            or _plain(small, stats, rules)
            or color.chroma_verdict(stats, rules)
            or drawing.lossy_verdict(small, rules)
            or layout.layout_verdict(small, rules)
            or quality.quality_verdict(luma, rgb, rules)
        )
    return found.with_verdict(verdict) if verdict else found


def _min_border(small: np.ndarray, found: Inspection, rules: Rules) -> int:
    """The minimum border width, in pixels of the shrunk image."""
    if not rules.border:
        return 0
    scale = float(min(small.shape[:2])) / max(1, min(found.width, found.height))
    return max(2, int(rules.border * scale + 0.5))


def _plain(small: np.ndarray, stats: color.Chroma, rules: Rules) -> Verdict | None:
    bits = drawing.entropy(small)
    if bits < rules.min_entropy:
        return Verdict("clipart", f"low entropy: {bits:.1f} bits", bits)
    if stats.saturated > rules.saturated_share:
        return Verdict("clipart", f"over-saturated: {stats.saturated:.0%}", stats.saturated)
    return None
