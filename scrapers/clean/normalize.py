"""Rewrite images as a trainer expects them: upright, 8-bit sRGB, without borders."""

import io
from pathlib import Path

from PIL import Image, ImageCms

from scrapers.checks.inspect_image import Inspection
from scrapers.images import decode, identify, save, to_rgb, upright


def normalize(path: Path, found: Inspection, output: Path) -> None:
    """Write `path` to `output` with the changes listed in `found`; same format.

    JPEGs get quality 95 without chroma subsampling.
    """
    image = decode(identify(path))
    kind = str(image.format)
    profile = image.info.get("icc_profile")
    turned = upright(image)
    if profile and "bad icc" not in found.changes and turned.mode in ("RGB", "CMYK"):
        turned = to_srgb(turned, profile)
    rgb = Image.fromarray(to_rgb(turned))
    if found.box:
        left, top, right, bottom = found.box
        width, height = rgb.size
        # One more pixel on each cut side: borders blur into the image.
        edges = (
            round(left * width) + (left > 0),
            round(top * height) + (top > 0),
            round(right * width) - (right < 1),
            round(bottom * height) - (bottom < 1),
        )
        rgb = rgb.crop(edges)
    save(rgb, output, kind, subsampling=0)


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """An RGB or CMYK image in sRGB; unchanged if its profile does not apply."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if {"RGB": "RGB", "CMYK": "CMYK"}.get(space) != image.mode:
            return image  # a profile for another color space does not apply
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image
