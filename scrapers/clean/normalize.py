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
    rgb = read_srgb(path)
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
    save(rgb, output, str(identify(path).format), subsampling=0)


def read_srgb(path: Path) -> Image.Image:
    """A picture as it is meant: upright, 8-bit RGB in sRGB, alpha over white. BadImageError."""
    image = decode(identify(path))
    profile = image.info.get("icc_profile")
    image = upright(image)
    return Image.fromarray(to_rgb(to_srgb(image, profile) if profile else image))


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """An image in sRGB, with its alpha; unchanged if its profile does not apply, or is damaged."""
    if image.mode.startswith("I"):
        image = Image.fromarray(to_rgb(image)).convert("L")
    elif image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif "transparency" in image.info:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    if image.mode in ("RGBA", "LA"):
        color = to_srgb(image.convert(image.mode[:-1]), profile)
        color.putalpha(image.getchannel("A"))
        return color
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}.get(space) != image.mode:
            return image  # a profile for another color space does not apply
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image
    assert converted is not None
    return converted.convert("L") if image.mode == "L" else converted
