"""Pictures as a trainer expects them: upright, 8-bit sRGB, without their frames."""

import io
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from scrapers.checks.inspect_image import Examined
from scrapers.images import decode, identify, to_rgb


def normalise(path: Path, found: Examined) -> Path:
    """A hidden file beside `path` with the changes that `found` asks for; the same format.

    JPEGs are written at quality 95 without chroma subsampling. The caller renames it.
    """
    image = decode(identify(path))
    kind = str(image.format).replace("MPO", "JPEG")
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if profile and "bad icc" not in found.changes and upright.mode in ("RGB", "CMYK"):
        upright = _to_srgb(upright, profile)
    rgb = Image.fromarray(to_rgb(upright))
    if found.box:
        left, top, right, bottom = found.box
        width, height = rgb.size
        # One pixel more on each side that was cut: a border is blurred into its picture.
        edges = (
            round(left * width) + (left > 0),
            round(top * height) + (top > 0),
            round(right * width) - (right < 1),
            round(bottom * height) - (bottom < 1),
        )
        rgb = rgb.crop(edges)
    fresh = path.with_name(f".{path.name}.part")
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "WEBP":
        options = {"quality": 95}
    rgb.save(fresh, format=kind, **options)
    return fresh


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if {"RGB": "RGB", "CMYK": "CMYK"}.get(space) != image.mode:
            return image  # a profile of another kind of picture says nothing about this one
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image
